"""The parts of the operator and the order in which they start."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from cryostat_operator import runtime
from cryostat_operator.kube.connection import Connection
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.kube.kopf_import import kopf
from cryostat_operator.metrics import Metrics
from cryostat_operator.plan.model.kinds import InstanceKey
from cryostat_operator.runtime import Operator
from cryostat_operator.settings import Settings
from tests.unit.api_server import ApiServer

COLLECTION = "/apis/operator.cryostat.io/v1beta2/cryostats"


@pytest.fixture
async def operator(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Operator]:
    """An operator that is not started, without webhooks, connected to an API server in memory."""
    monkeypatch.setattr(runtime, "POLL_INTERVAL", 0.0)
    monkeypatch.setattr(runtime, "Metrics", lambda: Metrics(CollectorRegistry()))  # the default one is global
    connection = Connection(kopf.ConnectionInfo(server="http://127.0.0.1:1"))
    created = Operator(connection, Settings(webhooks=False), "127.0.0.1", 0, 0)
    await created.client.close()
    created.client = ApiServer()
    yield created
    await created.write_client.close()


async def test_a_refused_first_list_is_retried(operator: Operator, caplog: pytest.LogCaptureFixture) -> None:
    server = operator.client
    assert isinstance(server, ApiServer)
    server.put("/apis/operator.cryostat.io/v1beta2/namespaces/a/cryostats/x", {"spec": {}})
    refusals = [ApiError(403, "Forbidden", "roles are not known yet"), ApiError(401, "Unauthorized", "no token yet")]

    def refuse(method: str, path: str, body: Any) -> ApiError | None:
        return refusals.pop(0) if refusals else None

    server.hook = refuse
    await operator._list_cryostats()
    assert operator._exists(InstanceKey("a", "x"))
    assert server.requests == [("GET", COLLECTION)] * 3
    assert "List of Cryostats failed, retrying: roles are not known yet" in caplog.text


async def test_without_the_definition_there_are_no_cryostats(operator: Operator) -> None:
    server = operator.client
    assert isinstance(server, ApiServer)
    server.hook = lambda method, path, body: ApiError(404, "NotFound", "no such resource")
    await operator._list_cryostats()
    assert not operator._exists(InstanceKey("a", "x"))
    assert len(server.requests) == 1
