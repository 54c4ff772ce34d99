"""The Cryostat that the command `diff` plans. tests/cluster/test_cli.py tests the whole command."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.api.validation import read_cryostat
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import KINDS, Key, Obj, path_of
from cryostat_operator.reconcile.dry_run import difference, live_cryostat, with_api_server_service
from cryostat_operator.settings import Settings
from tests.unit.api_server import ApiServer
from tests.unit.reconcile.conftest import CRYOSTAT_PATH, OWNERSHIP_LABELS, Cluster

HIBERNATION = {constants.ANNOTATION_HIBERNATION: "on"}


def in_file(**metadata: Any) -> Any:
    return read_cryostat({"metadata": {"name": "sample", "namespace": "here", **metadata}, "spec": {}})


async def test_a_new_cryostat_is_planned_as_in_the_file(cluster: Cluster) -> None:
    found = await live_cryostat(cluster.server, in_file(name="other"))
    assert found.metadata == {"name": "other", "namespace": "here"}


async def test_annotations_that_only_the_cluster_has_are_kept(cluster: Cluster) -> None:
    cluster.cryostat(annotations={**HIBERNATION, "a": "live"})
    found = await live_cryostat(cluster.server, in_file(annotations={"a": "file"}))
    assert found.metadata["annotations"] == {**HIBERNATION, "a": "file"}
    assert found.metadata["uid"]
    assert found.hibernation_requested


async def test_the_service_of_the_api_server_is_read_outside_of_a_cluster(cluster: Cluster) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default"},
        "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443}]},
    }
    allowed = {"to": [{"ipBlock": {"cidr": "10.96.0.1/32"}}, {"podSelector": {}}]}
    policies: list[dict[str, Any]] = [{"kind": "Service"}, {"kind": "NetworkPolicy", "spec": {"egress": [{}, allowed]}}]
    assert await with_api_server_service(cluster.server, Settings(), policies) == Settings()  # no such Service
    cluster.server.put("/api/v1/namespaces/default/services/kubernetes", service)
    found = await with_api_server_service(cluster.server, Settings(), policies)
    assert found.api_server_service == ("10.96.0.1", 443)
    others: list[dict[str, Any]] = [
        {"kind": "NetworkPolicy", "spec": {"egress": [{"to": [{"ipBlock": {"cidr": "10.96.0.2/32"}}]}]}}
    ]
    assert await with_api_server_service(cluster.server, Settings(), others) == Settings()
    own = Settings(api_server_service=("10.0.0.1", 443))
    assert await with_api_server_service(cluster.server, own, policies) == own


class Served(ApiServer):
    """Serves all kinds that every cluster has."""

    async def request(self, method: str, path: str, **more: Any) -> Obj:
        kinds = [kind for kind in KINDS.values() if not kind.optional]
        resources = [{"name": kind.plural} for kind in kinds if path.endswith(f"/{kind.api_version}")]
        return {"resources": resources} if resources else await super().request(method, path, **more)


REPORTS = Key("Deployment", "here", "sample-reports")
BINDING = Key("RoleBinding", "former", names.instance_hash_name("here", "sample"))
ROLE = Key("Role", "here", "sample")  # of an old release of the Go operator


def live(server: ApiServer, key: Key, *, own: bool = True) -> None:
    owner = {"apiVersion": constants.API_VERSION, "kind": "Cryostat", "name": "sample", "uid": "uid-cryostat"}
    metadata: Obj = {"labels": OWNERSHIP_LABELS} if own else {}
    if own and key.namespace == "here":
        metadata["ownerReferences"] = [{**owner, "controller": True}]
    server.put(path_of(key), {"kind": key.kind, "metadata": metadata, "spec": {}})


async def shown(server: ApiServer) -> list[str]:
    """The first line about each deletion."""
    status = {"applicationUrl": "", "targetNamespaces": ["here", "former"]}
    body = {"metadata": {"uid": "uid-cryostat"}, "spec": {}, "status": status}
    server.put(CRYOSTAT_PATH, body)
    text, _ = await difference(server, in_file(), Settings(service_tls=False))
    return [line for line in text.splitlines() if line.startswith("# delete ")]


async def test_objects_that_the_file_no_longer_requests_are_shown_as_deleted() -> None:
    server = Served()
    live(server, REPORTS)
    live(server, BINDING)
    live(server, ROLE)
    assert await shown(server) == [f"# delete {REPORTS}", f"# delete {ROLE}", f"# delete {BINDING}"]


async def test_an_object_of_another_owner_is_not_shown_as_deleted() -> None:
    server = Served()
    live(server, REPORTS, own=False)
    assert await shown(server) == []


async def test_an_object_of_a_cryostat_with_a_longer_name_is_not_shown_as_deleted() -> None:
    """Secret sample-storage-tls is of the Cryostat `sample-storage` here, not of the storage of `sample`."""
    server = Served()
    metadata: Obj = {
        "labels": {**OWNERSHIP_LABELS, constants.LABEL_NAME: "sample-storage"},
        "annotations": {constants.ANNOTATION_ISSUER: "sample-storage-ca"},
    }
    secret = Key("Secret", "here", "sample-storage-tls")
    server.put(path_of(secret), {"kind": "Secret", "metadata": metadata})
    assert await shown(server) == []
    metadata["labels"][constants.LABEL_NAME] = "sample"
    metadata["annotations"][constants.ANNOTATION_ISSUER] = "sample-ca"
    server.put(path_of(secret), {"kind": "Secret", "metadata": metadata})
    assert await shown(server) == [f"# delete {secret}"]


async def test_annotations_of_a_secret_that_may_repeat_its_data_are_not_shown() -> None:
    server = Served()
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"data": {"key": "c2VjcmV0"}}'}
    metadata: Obj = {"labels": OWNERSHIP_LABELS, "annotations": {**applied, constants.ANNOTATION_ISSUER: "sample-ca"}}
    server.put(path_of(Key("Secret", "here", "sample-storage-tls")), {"kind": "Secret", "metadata": metadata})
    server.put(CRYOSTAT_PATH, {"metadata": {"uid": "uid-cryostat"}, "spec": {}, "status": {}})
    text, _ = await difference(server, in_file(), Settings(service_tls=False))
    assert "-    kubectl.kubernetes.io/last-applied-configuration: <hidden>\n" in text
    assert f"-    {constants.ANNOTATION_ISSUER}: sample-ca\n" in text
    assert "c2VjcmV0" not in text


@pytest.mark.parametrize(("status", "raised"), [(403, False), (500, True)])
async def test_former_objects_that_the_user_may_not_read_are_left_out(status: int, raised: bool) -> None:
    server = Served()
    live(server, REPORTS)
    live(server, BINDING)
    server.hook = lambda method, path, body: ApiError(status, "", path) if path == path_of(REPORTS) else None
    if raised:
        with pytest.raises(ApiError):
            await shown(server)
        return
    assert await shown(server) == [f"# delete {BINDING}"]
    _, assumptions = await difference(server, in_file(), Settings(service_tls=False))
    assert assumptions == (
        "You may not read deployments in namespace here: former objects of this kind that would be deleted are not "
        "shown.",
    )


@pytest.mark.parametrize("refused", [True, False])
async def test_addresses_that_only_the_user_may_not_read_are_no_problem(refused: bool) -> None:
    server = Served()
    server.hook = lambda method, path, body: ApiError(403, "", path) if refused and "endpointslices" in path else None
    spec = {"networkPolicies": {"coreConfig": {"egressEnabled": True}}}
    cryostat = read_cryostat({"metadata": {"name": "sample", "namespace": "here"}, "spec": spec})
    text, assumptions = await difference(server, cryostat, Settings(service_tls=False))
    assert ("# ApiServerUnknown: " in text) == (not refused)
    assert bool(assumptions) == refused


@pytest.mark.parametrize(
    ("kind", "name", "raised"), [("Service", "sample-storage", False), ("Secret", "sample-storage", True)]
)
async def test_an_object_that_the_user_may_not_read_is_not_shown_as_new(kind: str, name: str, raised: bool) -> None:
    """A plan without the content of a Secret would be another one."""
    server = Served()
    key = Key(kind, "here", name)
    before, _ = await difference(server, in_file(), Settings(service_tls=False))
    assert f"# create {key}\n" in before
    server.hook = lambda method, path, body: ApiError(403, "", path) if path == path_of(key) else None
    if raised:
        with pytest.raises(ApiError, match=path_of(key)):
            await shown(server)
        return
    text, assumptions = await difference(server, in_file(), Settings(service_tls=False))
    assert f"# create {key}\n" not in text
    assert assumptions == ("You may not read services in namespace here: changes of these objects are not shown.",)
