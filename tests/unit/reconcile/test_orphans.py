"""Collection of objects whose Cryostat does not exist."""

from __future__ import annotations

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.reconcile.adoption import adoption_marker
from cryostat_operator.reconcile.orphans import Orphans
from cryostat_operator.reconcile.work_queue import Result
from tests.unit.reconcile.conftest import INSTANCE, OWNERSHIP_LABELS, Cluster

BINDING = Key("ClusterRoleBinding", "", names.instance_hash_name("here", "sample"))
OWNED = Key("ConfigMap", "here", "x")
OWNER = {"kind": constants.KIND, "apiVersion": constants.API_VERSION, "name": "sample", "uid": "u", "controller": True}


async def collect(cluster: Cluster) -> Result:
    return await Orphans(cluster.server, cluster.owned, cluster.applier).collect(INSTANCE)


async def test_without_objects_no_request_is_sent(cluster: Cluster) -> None:
    assert await collect(cluster) == Result()
    assert cluster.server.requests == []


async def test_only_objects_without_owner_reference_are_deleted(cluster: Cluster) -> None:
    cluster.put(BINDING, metadata={"labels": OWNERSHIP_LABELS})
    cluster.put(OWNED, metadata={"labels": OWNERSHIP_LABELS, "ownerReferences": [OWNER]})
    assert await collect(cluster) == Result()
    assert cluster.server.find(BINDING) is None
    assert cluster.server.find(OWNED)


@pytest.mark.parametrize("orphaned", [False, True])
async def test_an_instance_whose_objects_lost_their_owner_stays(cluster: Cluster, orphaned: bool) -> None:
    """`kubectl delete --cascade=orphan`, or a restore without the Cryostat. Access to other namespaces ends."""
    own = Key("RoleBinding", "here", names.instance_hash_name("here", "sample"))
    for key in (BINDING, own):
        cluster.put(key, metadata={"labels": OWNERSHIP_LABELS})
    owners = [] if orphaned else [OWNER]
    cluster.put(adoption_marker(INSTANCE), metadata={"labels": OWNERSHIP_LABELS, "ownerReferences": owners})
    assert await collect(cluster) == Result()
    assert cluster.server.find(BINDING) is None
    assert (cluster.server.find(own) is not None) is orphaned


async def test_objects_of_an_existing_cryostat_are_kept(cluster: Cluster) -> None:
    cluster.cryostat()
    cluster.put(BINDING, metadata={"labels": OWNERSHIP_LABELS})
    assert await collect(cluster) == Result()
    assert cluster.server.find(BINDING)


async def test_a_404_that_does_not_name_the_cryostat_proves_nothing(cluster: Cluster) -> None:
    """The CustomResourceDefinition may not be served yet."""
    cluster.put(BINDING, metadata={"labels": OWNERSHIP_LABELS})
    cluster.server.hook = lambda method, *_: ApiError(404, "NotFound", "not served") if method == "GET" else None
    with pytest.raises(ApiError):
        await collect(cluster)
    assert cluster.server.find(BINDING)


async def test_a_refused_deletion_is_retried(cluster: Cluster) -> None:
    cluster.put(BINDING, metadata={"labels": OWNERSHIP_LABELS})
    cluster.server.hook = lambda method, *_: ApiError(403, "Forbidden", "no") if method == "DELETE" else None
    assert await collect(cluster) == Result(failed=True)
