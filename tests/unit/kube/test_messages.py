"""The whole text of each message of the client, of the login and of discovery."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cryostat_operator.kube import reflector as reflector_module
from cryostat_operator.kube.api_requests import MAX_ATTEMPTS
from cryostat_operator.kube.connection import connect
from cryostat_operator.kube.discovery import Discovery
from cryostat_operator.kube.errors import ApiError, ApiUnavailable, LoginError
from cryostat_operator.kube.reflector import Reflector, Source
from cryostat_operator.plan.model.kinds import Key
from tests.unit.api_server import ApiServer
from tests.unit.kube.server import FakeServer

KEY = Key("Service", "a", "x")


async def message_of(server: FakeServer) -> str:
    async with server.running() as client:
        with pytest.raises(ApiUnavailable) as error:
            await client.get(KEY)
    return error.value.message


async def test_the_message_about_refused_credentials() -> None:
    server = FakeServer()
    for _ in range(MAX_ATTEMPTS):
        server.respond(401)
    assert await message_of(server) == "the API server does not accept the operator's credentials"


async def test_the_message_about_an_overloaded_api_server() -> None:
    server = FakeServer()
    for _ in range(MAX_ATTEMPTS):
        server.respond(429, Retry_After="0.1")
    assert await message_of(server) == "the API server is overloaded"


async def test_the_message_about_an_incomplete_list() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=b'{"items":[{"a":1},', content_type="application/json")

    server = FakeServer()
    server.handler = answer
    async with server.running() as client:
        with pytest.raises(ApiUnavailable) as error:
            await client.list_page("/api/v1/pods", lambda _: None, {})
    assert error.value.message == "the API server sent a malformed list: the list ends before its last item"


async def test_a_missing_cluster_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(LoginError) as error:
        await connect()
    assert str(error.value) == (
        "no cluster: not in a pod, and neither KUBECONFIG nor ~/.kube/config names one. "
        "Set the variable KUBECONFIG to a kubeconfig with a cluster"
    )
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(LoginError, match=r"/config does not exist\. Correct the variable KUBECONFIG$"):
        await connect()
    (tmp_path / "config").write_text("clusters: 5")
    with pytest.raises(LoginError) as error:
        await connect()
    cause = "TypeError 'int' object is not iterable"
    assert str(error.value) == f"the kubeconfig {tmp_path / 'config'} cannot be used: {cause}. Correct it"


def once(error: Exception) -> Any:
    """A hook that refuses the first request."""
    errors = [error]
    return lambda *_: errors.pop() if errors else None


async def test_the_message_about_failed_discovery(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def changed(added: frozenset[str], removed: frozenset[str]) -> None:
        pass

    async def no_delay(seconds: float) -> None:
        pass

    server = ApiServer()
    discovery = Discovery(server, changed)
    discovers = [ApiUnavailable(503, "ServiceUnavailable", "starting")]

    async def discover() -> None:
        if discovers:
            raise discovers.pop()

    monkeypatch.setattr(discovery, "discover", discover)
    monkeypatch.setattr(asyncio, "sleep", no_delay)
    await discovery.discover_until_answered()
    assert caplog.messages == ["Discovery of APIs failed, retrying: starting"]


class Store:
    """A store that ignores all objects."""

    def begin_list(self) -> None: ...
    def end_list(self) -> None: ...
    def upsert(self, obj: Any) -> None: ...
    def remove(self, obj: Any) -> None: ...


@pytest.mark.parametrize(
    ("error", "level", "message"),
    [
        (
            ApiError(403, "Forbidden", "no access"),
            "WARNING",
            "Watch of /api/v1/pods failed, retrying in 1.0 s: no access",
        ),
        (RuntimeError("a bug"), "ERROR", "Watch of /api/v1/pods failed, retrying in 1.0 s"),
    ],
)
async def test_the_message_about_a_failed_watch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, level: str, message: str
) -> None:
    monkeypatch.setattr(reflector_module, "MIN_BACKOFF", 1.0)
    server = ApiServer()
    server.hook = once(error)
    task = asyncio.create_task(Reflector(server, Source("/api/v1/pods"), Store()).run())
    async with asyncio.timeout(60):
        while not caplog.records:
            await asyncio.sleep(0)
    task.cancel()
    assert [(each.levelname, each.getMessage()) for each in caplog.records] == [(level, message)]
