"""The objects that are read of an instance, also with few permissions."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.inspect.instance_reader import InstanceReader, cryostats
from cryostat_operator.inspect.observed import LabeledPods
from cryostat_operator.inspect.volume_usage import VolumeUsage
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.injection.init_container import INIT_CONTAINER
from tests.unit.api_server import ApiServer
from tests.unit.inspect.instance import NAME, NAMESPACE, NOW, certificate, cryostat, deployment, owned, pod, serve


def refusing(*parts: str, status: int = 403) -> Any:
    """A hook that refuses paths that contain one of these texts."""

    def hook(method: str, path: str, body: Any) -> ApiError | None:
        error = ApiUnavailable if status == 0 else ApiError
        return error(status, "Forbidden", "no") if any(part in path for part in parts) else None

    return hook


@pytest.fixture
def server() -> ApiServer:
    elsewhere = owned("RoleBinding", "b", "there")
    secret = owned("Secret", "sample-tls", data={"tls.crt": certificate(10)})
    foreign = owned("Secret", "other")
    foreign["metadata"] = {**foreign["metadata"], "labels": {}}
    return serve(ApiServer(), cryostat(), deployment(), elsewhere, secret, foreign, pod("cryostat"))


async def observed(server: ApiServer) -> Any:
    [found] = await cryostats(server, NAMESPACE, NAME)
    return await InstanceReader(server).observe(found)


async def test_owned_objects_of_all_namespaces_and_pods_are_read(server: ApiServer) -> None:
    found = await observed(server)
    assert [(obj["kind"], obj["metadata"]["name"]) for obj in found.objects] == [
        ("Secret", "sample-tls"),
        ("RoleBinding", "b"),
        ("Deployment", "sample"),
    ]
    assert [each["metadata"]["name"] for each in found.pods] == ["sample-cryostat-1"]
    assert found.unreadable == ()
    assert found.expiries == {"here/sample-tls": NOW + 10 * 86400}
    assert server.writes == []


async def test_refused_reads_are_recorded(server: ApiServer) -> None:
    server.hook = refusing("/secrets", "/pods")
    found = await observed(server)
    assert found.unreadable == (
        "You may not list secrets in namespace here, so they are not shown.",
        "You may not list pods in namespace here, so they are not shown.",
    )
    assert found.refused == {"pods"}
    assert found.agents == {}
    assert [obj["kind"] for obj in found.objects] == ["RoleBinding", "Deployment"]


async def test_a_user_of_one_namespace_reads_that_namespace(server: ApiServer) -> None:
    server.hook = lambda method, path, body: (
        None if "/namespaces/here/" in path else ApiError(403, "Forbidden", f"no {path}")
    )
    found = await observed(server)
    assert [obj["kind"] for obj in found.objects] == ["Secret", "Deployment"]
    assert any("clusterrolebindings in all namespaces" in each for each in found.unreadable)
    assert found.operators is None
    assert found.operator_runs is None


async def test_an_api_server_that_does_not_respond_is_an_error(server: ApiServer) -> None:
    server.hook = refusing("/secrets", status=0)
    with pytest.raises(ApiUnavailable):
        await observed(server)


async def test_pods_with_an_agent_are_counted_by_namespace(server: ApiServer) -> None:
    labels = {constants.AGENT_LABEL_NAME: NAME, constants.AGENT_LABEL_NAMESPACE: NAMESPACE}
    with_agent = {"initContainers": [{"name": INIT_CONTAINER}]}
    for namespace, name, spec, phase in (
        ("here", "a", with_agent, "Running"),
        ("there", "b", with_agent, "Pending"),
        ("there", "c", {}, "Running"),  # created while no operator answered
        ("there", "d", {}, "Succeeded"),
    ):
        pod = {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": {"phase": phase}}
        server.put(f"/api/v1/namespaces/{namespace}/pods/{name}", pod)
    server.put("/api/v1/namespaces/empty", {"metadata": {"name": "empty"}})
    serve(server, cryostat(targetNamespaces=["here", "there", "empty", "absent"]))
    found = await observed(server)
    assert found.agents == {
        "here": LabeledPods(1),
        "there": LabeledPods(1, ("c",)),
        "empty": LabeledPods(),
        "absent": LabeledPods(),
    }
    assert found.missing_namespaces == {"absent"}
    # Only namespaces without such pods are looked up.
    lookups = [path for _, path in server.requests if path.startswith("/api/v1/namespaces/") and path.count("/") == 4]
    assert lookups == ["/api/v1/namespaces/empty", "/api/v1/namespaces/absent"]


async def test_a_namespace_that_may_not_be_read_is_not_reported_as_missing(server: ApiServer) -> None:
    serve(server, cryostat(targetNamespaces=["absent"]))
    refused: list[int] = [403]

    def refuse(method: str, path: str, body: Any) -> ApiError | None:
        return ApiError(refused[0], "Refused", "no") if path == "/api/v1/namespaces/absent" else None

    server.hook = refuse
    found = await observed(server)
    assert found.missing_namespaces == frozenset()
    assert found.unreadable == ()
    refused[0] = 500
    with pytest.raises(ApiError):
        await observed(server)


async def test_cryostats_are_listed_in_order(server: ApiServer) -> None:
    for namespace, name in (("b", "x"), ("a", "z"), ("a", "y")):
        server.put(f"/apis/{constants.API_VERSION}/namespaces/{namespace}/{constants.PLURAL}/{name}", {"spec": {}})
    found = [(each["metadata"]["namespace"], each["metadata"]["name"]) for each in await cryostats(server, "", None)]
    assert found == [("a", "y"), ("a", "z"), ("b", "x"), ("here", "sample")]
    with pytest.raises(ApiError):
        await cryostats(server, "a", "absent")


async def test_the_use_of_volumes_is_read_if_the_user_has_permission(server: ApiServer) -> None:
    database = pod("database")
    database["spec"] |= {
        "nodeName": "one",
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "sample-database"}}],
    }
    volume = {"usedBytes": 1, "capacityBytes": 2, "pvcRef": {"name": "sample-database", "namespace": NAMESPACE}}
    serve(server, database)
    # The in-memory API server returns the whole object for a subresource.
    server.put("/api/v1/nodes/one", {"pods": [{"volume": [volume]}]})
    assert (await observed(server)).volumes == {"sample-database": VolumeUsage(1, 2)}
    server.put("/api/v1/nodes/one", {"pods": []})
    assert (await observed(server)).not_measured == (
        "The kubelet of node one does not report the use of PersistentVolumeClaims: sample-database.",
    )
    server.hook = refusing("/nodes/")
    found = await observed(server)
    assert (found.volumes, found.unreadable) == (
        {},
        ("You may not get nodes/proxy, so the use of volumes is not shown.",),
    )
