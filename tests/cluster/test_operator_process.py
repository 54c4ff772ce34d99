"""The process of the operator: login, probes, termination."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import NAMESPACE, SERVICE_ACCOUNT, OperatorProcess

OperatorFactory = Callable[..., OperatorProcess]
NamespaceFactory = Callable[..., str]


def test_it_runs_as_the_shipped_service_account(
    installed_plane: ControlPlane, operator_program: OperatorFactory
) -> None:
    mark = installed_plane.audit_mark()
    operator_program(installed_plane)
    user = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
    requests = eventually(lambda: installed_plane.audit_since(mark, user), what="the operator sends requests")
    denied = [each["requestURI"] for each in requests if each.get("responseStatus", {}).get("code") == 403]
    assert denied == []


def test_its_probes_and_metrics_answer_until_it_is_stopped(
    installed_plane: ControlPlane, operator_program: OperatorFactory
) -> None:
    process = operator_program(installed_plane)
    assert process.get("/healthz")[0] == 200
    status, text = process.get("/metrics")
    assert (status, "# HELP" in text) == (200, True)
    assert process.stop() == 0
    assert process.get("/healthz")[0] == 0


@pytest.mark.parametrize("form", ["text", "json"])
def test_log_lines_name_their_cryostat(
    installed_plane: ControlPlane, operator_program: OperatorFactory, namespace: NamespaceFactory, form: str
) -> None:
    where = namespace(installed_plane)
    process = operator_program(installed_plane, arguments=["--log-format", form])
    head = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": {"name": "x", "namespace": where}}
    installed_plane.api.create({**head, "spec": {}})

    def created() -> list[str]:
        return [line for line in process.log.read_text().splitlines() if f"Created Service {where}/x" in line]

    lines = eventually(created, what="the log names a Service")
    if form == "text":
        assert all(f"[{where}/x] " in line for line in lines)
    else:
        everything = [json.loads(line) for line in process.log.read_text().splitlines()]
        assert all(set(line) == {"timestamp", "level", "logger", "message", "cryostat"} for line in everything)
        assert {line["cryostat"] for line in map(json.loads, lines)} == {f"{where}/x"}
