"""Requests against a server on loopback: retries, new credentials, lists and watches."""

from __future__ import annotations

import asyncio
import base64
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cryostat_operator.kube.api_requests import MAX_ATTEMPTS
from cryostat_operator.kube.client import Client
from cryostat_operator.kube.connection import Connection
from cryostat_operator.kube.errors import ApiError, ApiUnavailable, LoginError
from cryostat_operator.kube.kopf_import import kopf
from cryostat_operator.pki.serving import ensure_serving_certificate
from cryostat_operator.plan.model.kinds import Key
from tests.unit.kube.server import FakeServer

KEY = Key("Service", "a", "x")


async def test_a_request_after_429_waits_for_the_time_in_the_response() -> None:
    server = FakeServer()
    server.respond(429, Retry_After="0.1")
    server.respond(200, {"a": 1})
    async with server.running() as client:
        assert await client.get(KEY) == {"a": 1}
    assert [r.path for r in server.requests] == ["/api/v1/namespaces/a/services/x"] * 2


async def test_a_server_that_remains_overloaded_is_unavailable() -> None:
    server = FakeServer()
    for _ in range(MAX_ATTEMPTS):
        server.respond(429, Retry_After="0.1")
    async with server.running() as client:
        with pytest.raises(ApiUnavailable, match="overloaded"):
            await client.get(KEY)
    assert len(server.requests) == MAX_ATTEMPTS


async def test_after_401_the_client_logs_in_again() -> None:
    server = FakeServer()
    server.respond(401)
    server.respond(200, {"a": 1})
    async with server.running() as client:
        assert await client.get(KEY) == {"a": 1}
    assert [r.headers["Authorization"] for r in server.requests] == ["Bearer token-0", "Bearer token-1"]
    assert server.logins == 1


async def test_other_connections_log_in_together_with_the_client() -> None:
    server = FakeServer()
    async with server.running() as client:
        first = client.connection
        second = await client.renew_credentials(first)
        assert second is client.connection is await client.renew_credentials(first)
    assert server.logins == 1


async def test_credentials_that_are_never_accepted_end_in_an_error() -> None:
    server = FakeServer()
    for _ in range(MAX_ATTEMPTS):
        server.respond(401)
    async with server.running() as client:
        with pytest.raises(ApiUnavailable, match="credentials"):
            await client.get(KEY)


async def test_a_failed_login_after_401_is_an_outage() -> None:
    server = FakeServer()
    for _ in range(2):
        server.respond(401)

    async def log_in() -> Connection:
        raise LoginError("KUBECONFIG cannot be used")

    async with server.running():
        client = Client(server.connection(), log_in)
        with pytest.raises(ApiUnavailable, match="KUBECONFIG cannot be used"):
            await client.get(KEY)
        with pytest.raises(ApiUnavailable, match="KUBECONFIG cannot be used"):
            async with client.watch("/x", {}, "application/json"):
                pass
        await client.close()


@asynccontextmanager
async def serving(certificate: dict[str, bytes], directory: Path) -> AsyncIterator[str]:
    """A server with a certificate, which answers every request. Yields its URL."""

    async def respond(request: web.Request) -> web.StreamResponse:
        return web.Response(text=f'{{"method": "{request.method}"}}\n', content_type="application/json")

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    for name in ("tls.crt", "tls.key"):
        (directory / name).write_bytes(certificate[name])
    context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", respond)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_renewed_authority_of_the_cluster_is_read_again(tmp_path: Path) -> None:
    """The kubelet updates the file with the authorities in the pod."""
    now = datetime.datetime.now(datetime.UTC)
    former, present = (ensure_serving_certificate({}, ["127.0.0.1"], now) for _ in range(2))
    async with serving(present, tmp_path) as url:

        def connection(trusted: dict[str, bytes]) -> Connection:
            return Connection(kopf.ConnectionInfo(server=url, ca_data=base64.b64encode(trusted["ca.crt"]).decode()))

        logins = []

        async def log_in() -> Connection:
            logins.append(1)
            return connection(present)

        for method in ("GET", "PUT"):
            client = Client(connection(former), log_in)
            assert await client.request(method, "/x") == {"method": method}
            await client.close()
        client = Client(connection(former), log_in)
        with pytest.raises(ApiUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            async with client.watch("/x", {}, "application/json"):
                pass
        async with client.watch("/x", {}, "application/json") as events:
            assert [event async for event in events] == [{"method": "GET"}]
        await client.close()
        assert len(logins) == 3


async def test_a_server_that_is_not_trusted_is_unavailable(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    other, present = (ensure_serving_certificate({}, ["127.0.0.1"], now) for _ in range(2))
    async with serving(present, tmp_path) as url:
        logins = []

        async def log_in() -> Connection:
            logins.append(1)
            return Connection(kopf.ConnectionInfo(server=url, ca_data=base64.b64encode(other["ca.crt"]).decode()))

        client = Client(await log_in(), log_in)
        with pytest.raises(ApiUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(KEY)
        await client.close()
        assert len(logins) == 2


async def test_no_response_is_unavailable() -> None:
    server = FakeServer()

    async def drop(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.abort()
        return web.Response()

    server.handler = drop
    async with server.running() as client:
        with pytest.raises(ApiUnavailable, match="PUT /api/v1/namespaces/a/services/x"):
            await client.replace(KEY, {})


async def test_a_page_is_delivered_item_by_item() -> None:
    server = FakeServer()
    server.respond(
        200, {"kind": "List", "metadata": {"resourceVersion": "7", "continue": "c"}, "items": [{"a": 1}, {}]}
    )
    items: list[Any] = []
    async with server.running() as client:
        assert await client.list_page("/x", items.append, {"limit": "2"}) == {"resourceVersion": "7", "continue": "c"}
    assert items == [{"a": 1}, {}]
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


async def test_a_page_that_is_refused_or_malformed_is_an_error() -> None:
    server = FakeServer()
    server.respond(410, {"reason": "Expired", "message": "too old"})
    server.respond(429, Retry_After="0.1")
    server.respond(200, {"metadata": {}, "items": []})
    async with server.running() as client:
        with pytest.raises(ApiError, match="too old"):
            await client.list_page("/x", lambda _: None, {})
        assert await client.list_page("/x", lambda _: None, {}) == {}

        async def cut(_: web.Request) -> web.StreamResponse:
            return web.Response(body=b'{"items":[{"a":')

        server.handler = cut
        with pytest.raises(ApiUnavailable, match="malformed"):
            await client.list_page("/x", lambda _: None, {})


async def test_a_watch_yields_one_object_per_line() -> None:
    server = FakeServer()

    async def watch(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for part in (b'{"type":"ADDED"', b',"n":1}\n{"n":2}\n', b"\n", b'{"n":3}\n{"cut'):
            await response.write(part)
        return response

    server.handler = watch
    async with server.running() as client, client.watch("/x", {"resourceVersion": "7"}, "application/json") as events:
        assert [event["n"] async for event in events] == [1, 2, 3]
    query = dict(server.requests[0].query)
    assert (query["resourceVersion"], query["watch"], query["allowWatchBookmarks"]) == ("7", "true", "true")


@pytest.mark.parametrize(("status", "error"), [(401, ApiUnavailable), (429, ApiUnavailable), (410, ApiError)])
async def test_a_watch_that_cannot_be_opened_is_an_error(status: int, error: type[ApiError]) -> None:
    server = FakeServer()
    server.respond(status, {"reason": "x", "message": "y"})
    async with server.running() as client:
        with pytest.raises(error) as found:
            async with client.watch("/x", {}, "application/json"):
                pass
    assert found.value.status == status
    assert server.logins == (1 if status == 401 else 0)


async def test_the_password_of_a_proxy_is_in_no_message() -> None:
    """The proxy refuses the connection to an API server with TLS."""

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    proxy = await asyncio.start_server(refuse, "127.0.0.1", 0)
    url = f"http://user:secret@127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    connection = Connection(kopf.ConnectionInfo(server="https://api.invalid", proxy_url=url))
    client = Client(connection, FakeServer().log_in)
    try:
        with pytest.raises(ApiUnavailable) as request:
            await client.request("GET", "/api")
        with pytest.raises(ApiUnavailable) as watch:
            async with client.watch("/api/v1/pods", {}, "application/json"):
                pass
    finally:
        await client.close()
        proxy.close()
    assert str(request.value) == "GET /api: ClientHttpProxyError 407"
    assert str(watch.value) == "ClientHttpProxyError 407"


async def test_requests_and_watches_pass_the_proxy() -> None:
    fake_proxy = FakeServer()
    async with fake_proxy.running() as direct:
        info = kopf.ConnectionInfo(server="http://api.invalid", proxy_url=direct.connection.server)
        client = Client(Connection(info), fake_proxy.log_in)
        try:
            fake_proxy.respond(200, {"kind": "Pod"})
            assert await client.request("GET", "/api/v1/pods/a") == {"kind": "Pod"}
            fake_proxy.respond(410)
            with pytest.raises(ApiError):
                async with client.watch("/api/v1/pods", {}, "application/json"):
                    pass
        finally:
            await client.close()
    assert [request.headers["Host"] for request in fake_proxy.requests] == ["api.invalid", "api.invalid"]
