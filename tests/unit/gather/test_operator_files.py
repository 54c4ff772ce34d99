"""The files about the operator in an archive: in every namespace, of all replicas."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.gather import operator_files as operator_files_module
from cryostat_operator.gather.operator_files import operator_files
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.api_server import ApiServer

PLACE = "openshift-operators"
LABELS = {"app.kubernetes.io/name": "cryostat-operator"}


class LogServer(ApiServer):
    """Logs are the name of the pod."""

    async def request(self, method: str, path: str, **options: Any) -> Obj:
        if path.endswith("/log"):
            return {"text": path.split("/")[-2]}
        return await super().request(method, path, **options)


@pytest.fixture
def server() -> ApiServer:
    server = LogServer()
    pod = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "operator"}]}}
    for name in ("leader", "other"):
        server.put(f"/api/v1/namespaces/{PLACE}/pods/{name}", pod)
    server.put(f"/api/v1/namespaces/{PLACE}/pods/foreign", {**pod, "metadata": {"labels": {}}})
    server.put(f"/apis/apps/v1/namespaces/{PLACE}/deployments/cryostat-operator-controller", {"spec": {}})
    server.put(f"/apis/coordination.k8s.io/v1/namespaces/{PLACE}/leases/{constants.LEASE}", {"spec": {}})
    server.put(f"/apis/coordination.k8s.io/v1/namespaces/{PLACE}/leases/other", {"spec": {}})
    return server


async def test_all_replicas_are_collected_where_olm_installs_them(server: ApiServer) -> None:
    notes: list[str] = []
    files = await operator_files(server, notes)
    assert sorted(path.removeprefix(f"operator/{PLACE}/") for path in files) == [
        "deployment-cryostat-operator-controller.yaml",
        f"lease-{constants.LEASE}.yaml",
        "logs/leader-operator.log",
        "logs/other-operator.log",
        "pod-leader.yaml",
        "pod-other.yaml",
    ]
    assert files[f"operator/{PLACE}/logs/other-operator.log"] == "other"
    assert notes == []


async def test_metrics_of_running_replicas_are_collected(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    async def metrics(client: Any, pods: list[Obj], notes: list[str]) -> dict[str, str]:
        return {pod["metadata"]["name"]: "up 1" for pod in pods}

    monkeypatch.setattr(operator_files_module, "operator_metrics", metrics)
    files = await operator_files(server, [])
    assert files[f"operator/{PLACE}/metrics/leader.txt"] == files[f"operator/{PLACE}/metrics/other.txt"] == "up 1"


async def test_lists_that_the_user_may_not_read_are_named(server: ApiServer) -> None:
    server.hook = lambda method, path, body: ApiError(403, "Forbidden", "no")
    notes: list[str] = []
    assert await operator_files(server, notes) == {}
    assert notes == [
        "You may not list the Deployments of the operator, so they are not collected.",
        "You may not list the Leases of the operator, so they are not collected.",
        "You may not list the Pods of the operator, so they are not collected.",
    ]


async def test_a_missing_operator_is_reported() -> None:
    notes: list[str] = []
    assert await operator_files(ApiServer(), notes) == {}
    assert notes == ["No pod of the operator was found."]
