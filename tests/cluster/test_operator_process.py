"""The operator's process as the fixtures start it: its login, its probes, its end."""

from __future__ import annotations

from collections.abc import Callable

from tests.cluster.api import eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import NAMESPACE, SERVICE_ACCOUNT, OperatorProcess

OperatorFactory = Callable[..., OperatorProcess]


def test_it_runs_as_the_shipped_service_account(installed_plane: ControlPlane, operator: OperatorFactory) -> None:
    mark = installed_plane.audit_mark()
    operator(installed_plane)
    user = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
    requests = eventually(lambda: installed_plane.audit_since(mark, user), what="it asks the API server")
    denied = [each["requestURI"] for each in requests if each.get("responseStatus", {}).get("code") == 403]
    assert denied == []


def test_its_probes_and_metrics_answer_until_it_is_stopped(
    installed_plane: ControlPlane, operator: OperatorFactory
) -> None:
    process = operator(installed_plane)
    assert process.get("/healthz")[0] == 200
    status, text = process.get("/metrics")
    assert (status, "# HELP" in text) == (200, True)
    assert process.stop() == 0
    assert process.get("/healthz")[0] == 0
