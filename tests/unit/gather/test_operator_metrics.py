"""Metrics of the operator's pods, through a forwarded port as a kubelet serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from cryostat_operator.gather import operator_metrics
from cryostat_operator.packaging.install_names import HTTP_PORT
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.backup.kubelet import Kubelet, connections

RUNNING = {"metadata": {"name": "operator-1", "namespace": "ops"}, "status": {"phase": "Running"}}
PENDING = {"metadata": {"name": "operator-2", "namespace": "ops"}, "status": {"phase": "Pending"}}


class Client:
    connection = renew_credentials = None


@asynccontextmanager
async def operator(answer: Any) -> AsyncIterator[int]:
    """A server of metrics; yields its port."""
    app = web.Application()
    app.router.add_get("/metrics", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


async def read(monkeypatch: pytest.MonkeyPatch, kubelet: Kubelet, *pods: Obj) -> tuple[dict[str, str], list[str]]:
    """The metrics that are read, and the notes."""
    notes: list[str] = []
    async with kubelet.serving() as port:
        opened = connections(f"http://127.0.0.1:{port}")
        monkeypatch.setattr(operator_metrics, "PodConnections", lambda *_: opened)
        return await operator_metrics.operator_metrics(Client(), pods, notes), notes  # type: ignore[arg-type]


async def answer(_: web.Request) -> web.Response:
    return web.Response(text="cryostat_operator_instances 1\npassword=MARKER\n")


async def test_metrics_of_running_pods_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    async with operator(answer) as port:
        kubelet = Kubelet(ports={("operator-1", HTTP_PORT): port})
        found, notes = await read(monkeypatch, kubelet, RUNNING, PENDING)
    assert found == {"operator-1": "cryostat_operator_instances 1\npassword=<removed>\n"}
    assert notes == []


async def test_the_missing_permission_to_forward_ports_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    found, notes = await read(monkeypatch, Kubelet(refuse={"portforward": 403}), RUNNING)
    assert (found, notes) == (
        {},
        [
            f"The metrics of pod operator-1 cannot be read: Port {HTTP_PORT} of pod ops/operator-1 cannot be reached: "
            "you may not `create` and `get` pods/portforward in namespace ops."
        ],
    )


async def test_a_pod_that_answers_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=403)

    async with operator(refuse) as port:
        found, [note] = await read(monkeypatch, Kubelet(ports={("operator-1", HTTP_PORT): port}), RUNNING)
    assert found == {}
    assert note.startswith("The metrics of pod operator-1 cannot be read: ClientResponseError 403")


async def test_a_pod_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = asyncio.Event()

    async def wait(_: web.Request) -> web.Response:
        await answered.wait()
        return web.Response()

    monkeypatch.setattr(operator_metrics, "METRICS_SECONDS", 0.2)
    async with operator(wait) as port:
        found, notes = await read(monkeypatch, Kubelet(ports={("operator-1", HTTP_PORT): port}), RUNNING)
        answered.set()  # the server waits for its handlers when it stops
    assert (found, notes) == (
        {},
        ["The metrics of pod operator-1 cannot be read: no answer within 0 seconds."],
    )


async def test_without_a_running_pod_nothing_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await operator_metrics.operator_metrics(Client(), [PENDING], []) == {}  # type: ignore[arg-type]
