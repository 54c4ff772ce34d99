"""Probes and metrics over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import cast

import aiohttp
import pytest
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry

from cryostat_operator.health import MAX_SILENCE_SECONDS, HealthServer
from cryostat_operator.metrics import Metrics


@dataclass
class State:
    """The state that the server reports."""

    unready_cause: str = "the lists are not complete"
    silence: float = 0.0
    port: int = 0


@pytest.fixture
async def state() -> AsyncIterator[State]:
    state = State()
    metrics = Metrics(CollectorRegistry())
    server = HealthServer(metrics, lambda: state.unready_cause, lambda: state.silence)
    await server.start("127.0.0.1", 0)
    assert server._listener
    state.port = server._listener.port
    yield state
    await server.stop()


async def get(state: State, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{state.port}{path}") as response:
        return response.status, await response.text()


async def test_the_operator_is_ready_after_all_kinds_are_listed(state: State) -> None:
    assert await get(state, "/readyz") == (503, "the lists are not complete")
    state.unready_cause = ""
    assert await get(state, "/readyz") == (200, "ok")


async def test_the_operator_is_unhealthy_after_a_watch_was_silent_too_long(state: State) -> None:
    state.silence = MAX_SILENCE_SECONDS - 1
    assert await get(state, "/healthz") == (200, "ok")
    state.silence = MAX_SILENCE_SECONDS
    assert await get(state, "/healthz") == (500, "a watch has received nothing for 600 s")


class Transport:
    """A connection from this address."""

    def __init__(self, address: str) -> None:
        self.peername = (address, 40_000)

    def get_extra_info(self, name: str) -> object:
        return self.peername if name == "peername" else None


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.7", False),
        ("::ffff:10.0.0.7", False),
        ("fd00::7", False),
    ],
)
async def test_metrics_are_served_to_local_clients_only(address: str, local: bool) -> None:
    server = HealthServer(Metrics(CollectorRegistry()), lambda: "", lambda: 0.0)
    transport = cast(asyncio.Transport, Transport(address))
    response = await server._metrics_text(make_mocked_request("GET", "/metrics", transport=transport))
    assert response.status == (200 if local else 403)
    assert (b"cryostat_operator" in cast(bytes, response.body)) is local
    if not local:
        assert response.text == "/metrics is served to local clients only"


async def test_metrics_are_served(state: State) -> None:
    status, text = await get(state, "/metrics")
    assert status == 200
    assert "# HELP cryostat_operator_reconciles_total Reconciles by result" in text
