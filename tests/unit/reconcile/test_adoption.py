"""Adoption of objects that the Go operator created."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import KINDS, Key
from cryostat_operator.reconcile.adoption import adoption_marker
from cryostat_operator.reconcile.reconciler import Reconciler
from tests.unit.reconcile.conftest import INSTANCE, OWNERSHIP_LABELS, Cluster

MAP = Key("ConfigMap", "here", "x")
OWNER = {"kind": constants.KIND, "apiVersion": constants.API_VERSION, "name": "sample", "uid": "u", "controller": True}
OWNED = {"ownerReferences": [OWNER]}


def labels(cluster: Cluster, key: Key) -> object:
    found = cluster.live(key)
    return found["metadata"].get("labels")


async def test_owned_objects_get_the_ownership_labels(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    cluster.put(MAP, cached=False, metadata={**OWNED, "labels": {"kept": "1"}}, data={"a": "1"})
    await cluster.adoption.adopt(INSTANCE, "uid")
    assert labels(cluster, MAP) == {"kept": "1", **OWNERSHIP_LABELS}
    assert MAP in cluster.owned.records(INSTANCE)
    assert caplog.messages == ["Adopted 1 objects of the Go operator"]


async def test_objects_of_other_owners_are_not_adopted(cluster: Cluster) -> None:
    cluster.put(MAP, cached=False)
    await cluster.adoption.adopt(INSTANCE, "uid")
    assert labels(cluster, MAP) is None
    assert cluster.server.writes == []


async def test_cluster_scoped_objects_are_found_by_name(cluster: Cluster) -> None:
    key = Key("ClusterRoleBinding", "", names.instance_hash_name("here", "sample"))
    cluster.put(key, cached=False)
    await cluster.adoption.adopt(INSTANCE, "uid")
    assert labels(cluster, key) == OWNERSHIP_LABELS


async def test_objects_are_adopted_once(cluster: Cluster) -> None:
    await cluster.adoption.adopt(INSTANCE, "uid")
    requests = len(cluster.server.requests)
    assert requests == len([kind for kind in KINDS.values() if not kind.on_demand])
    await cluster.adoption.adopt(INSTANCE, "uid")
    assert len(cluster.server.requests) == requests
    for forget in (partial(cluster.adoption.forget, INSTANCE), cluster.adoption.reset):
        cluster.server.requests.clear()
        forget()
        await cluster.adoption.adopt(INSTANCE, "uid")
        assert len(cluster.server.requests) == requests


async def test_a_new_cryostat_of_the_same_name_is_adopted_separately(cluster: Cluster) -> None:
    await cluster.adoption.adopt(INSTANCE, "uid")
    requests = len(cluster.server.requests)
    await cluster.adoption.adopt(INSTANCE, "other")
    assert len(cluster.server.requests) == 2 * requests


async def test_no_object_is_read_if_the_marker_is_labeled(cluster: Cluster) -> None:
    cluster.put(adoption_marker(INSTANCE), metadata={"labels": OWNERSHIP_LABELS})
    await cluster.adoption.adopt(INSTANCE, "uid")
    assert cluster.server.requests == []


async def test_the_marker_is_labeled_last(cluster: Cluster) -> None:
    marker = adoption_marker(INSTANCE)
    cluster.put(marker, cached=False, metadata=OWNED)
    for number in range(5):
        cluster.put(Key("ConfigMap", "here", f"x{number}"), cached=False, metadata=OWNED)
    await cluster.adoption.adopt(INSTANCE, "uid")
    assert len(cluster.server.writes) == 6
    assert cluster.server.writes[-1][1].endswith("/serviceaccounts/sample")


async def test_a_failed_adoption_is_retried(cluster: Cluster) -> None:
    cluster.put(MAP, cached=False, metadata=OWNED)
    cluster.server.hook = lambda method, *_: ApiError(403, "Forbidden", "no") if method == "PUT" else None
    with pytest.raises(ApiError):
        await cluster.adoption.adopt(INSTANCE, "uid")
    cluster.server.hook = None
    await cluster.adoption.adopt(INSTANCE, "uid")
    assert labels(cluster, MAP) == OWNERSHIP_LABELS


async def test_kinds_that_are_not_served_have_nothing_to_adopt(cluster: Cluster) -> None:
    cluster.server.hook = lambda _, path, __: ApiError(404, "NotFound", "not served") if "/routes" in path else None
    await cluster.adoption.adopt(INSTANCE, "uid")
    cluster.adoption.reset()
    cluster.server.hook = lambda _, path, __: ApiError(404, "NotFound", "not served") if "/secrets" in path else None
    with pytest.raises(ApiError):
        await cluster.adoption.adopt(INSTANCE, "uid")


async def test_all_pages_of_a_kind_are_read(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The in-memory API server returns two pages of ConfigMaps."""
    for number in range(2):
        cluster.put(Key("ConfigMap", "here", f"x{number}"), cached=False, metadata=OWNED)
    list_page = cluster.server.list_page

    async def one_per_page(path: str, on_item: Any, params: Any, accept: str = "") -> Any:
        items: list[Any] = []
        metadata = await list_page(path, items.append, params, accept)
        page = int(params.get("continue", 0))
        for item in items[page : page + 1]:
            on_item(item)
        return {**metadata, "continue": str(page + 1)} if page + 1 < len(items) else metadata

    monkeypatch.setattr(cluster.server, "list_page", one_per_page)
    await cluster.adoption.adopt(INSTANCE, "uid")
    assert [labels(cluster, Key("ConfigMap", "here", f"x{number}")) for number in range(2)] == [OWNERSHIP_LABELS] * 2


async def test_objects_of_the_go_operator_are_adopted_once(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat(finalizers=[constants.FINALIZER])
    await reconciler(INSTANCE)
    lists = [path for method, path in cluster.server.requests if method == "GET" and path.endswith("/deployments")]
    await reconciler(INSTANCE)
    assert len(lists) == 1
    assert len([p for m, p in cluster.server.requests if m == "GET" and p.endswith("/deployments")]) == 1
