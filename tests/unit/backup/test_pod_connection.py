"""Connections to pods: renewed credentials, refusals, and unreachable peers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import WSMsgType, web

from cryostat_operator.backup import pod_connection
from cryostat_operator.backup.manifest import BackupError
from cryostat_operator.backup.pod_connection import PROTOCOL, PodConnections
from cryostat_operator.kube.connection import Connection
from cryostat_operator.kube.kopf_import import kopf
from tests.unit.backup.kubelet import Kubelet, connections

Handler = Callable[[web.WebSocketResponse], Awaitable[None]]


async def connect(opened: PodConnections) -> None:
    async with opened.open("here", "pod", "portforward", [("ports", "1")], "It fails"):
        pass


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[PodConnections]:
    """Serve WebSockets as a kubelet, without automatic responses to pings."""

    async def handle(request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse(protocols=[PROTOCOL], autoping=False, timeout=0.1)
        await answer.prepare(request)
        await handler(answer)
        return answer

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    opened = connections(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield opened
    finally:
        await opened.aclose()
        await runner.cleanup()


async def test_each_connection_has_valid_credentials() -> None:
    kubelet = Kubelet(token="first")
    async with kubelet.serving() as port:
        opened = connections(f"http://127.0.0.1:{port}", ("first", "second", "third"))
        await connect(opened)
        kubelet.token = "second"  # the first token expires
        await connect(opened)
        await connect(opened)
        kubelet.token = "another"
        with pytest.raises(BackupError, match="It fails: the API server does not accept the credentials"):
            await connect(opened)
        await opened.aclose()


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "It fails: you may not `create` and `get` pods/portforward in namespace here"),
        (401, "It fails: the API server does not accept the credentials. Log in again"),
        (404, "It fails: the pod does not exist"),
        (500, "It fails: HTTP 500"),
    ],
)
async def test_refused_connections_are_reported(status: int, message: str) -> None:
    async with Kubelet(refuse={"portforward": status}).serving() as port:
        opened = connections(f"http://127.0.0.1:{port}")
        with pytest.raises(BackupError) as caught:
            await connect(opened)
        await opened.aclose()
    assert str(caught.value) == f"{message}."


async def test_a_missing_server_is_reported() -> None:
    opened = connections("http://127.0.0.1:1")
    with pytest.raises(BackupError, match="It fails: ClientConnector"):
        await connect(opened)
    await opened.aclose()


async def test_a_server_that_does_not_respond_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_connection, "CONNECT_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        opened = connections(f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(BackupError, match=r"^It fails: the API server did not answer for 0 s\.$"):
            await connect(opened)
        await opened.aclose()


async def test_a_node_that_does_not_respond_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_connection, "IDLE_SECONDS", 0.05)
    ended = asyncio.Event()

    async def wait(_: web.WebSocketResponse) -> None:
        await ended.wait()

    async with serving(wait) as opened:
        text = (
            r"^The connection to pod here/pod was closed, because nothing arrived for 0 s\. Its node may have failed\.$"
        )
        with pytest.raises(BackupError, match=text):
            async with opened.open("here", "pod", "exec", [], "It fails") as connection:
                await connection.receive()
        ended.set()


async def test_pings_keep_an_idle_connection_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pod_connection, "PING_SECONDS", 0.01)

    async def answer_pings(served: web.WebSocketResponse) -> None:
        for _ in range(3):
            message = await served.receive()
            assert message.type == WSMsgType.PING
            await served.pong(message.data)
        await served.send_bytes(b"content")

    async with serving(answer_pings) as opened, opened.open("here", "pod", "exec", [], "It fails") as connection:
        assert (await connection.receive()).data == b"content"


async def test_the_kernel_checks_idle_connections() -> None:
    created = pod_connection._new_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ()))
    with created:
        assert created.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


async def test_a_connection_uses_the_proxy() -> None:
    kubelet = Kubelet(token="Bearer t")
    async with kubelet.serving() as port:
        info = kopf.ConnectionInfo(server="http://api.invalid", token="t", proxy_url=f"http://127.0.0.1:{port}")
        connection = Connection(info)

        async def renew(_: Connection) -> Connection:
            return connection

        opened = PodConnections(connection, renew)
        await connect(opened)
        await opened.aclose()
