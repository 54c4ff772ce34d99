"""The server of the webhooks on loopback, without TLS: limits, statuses and metrics."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web

from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from cryostat_operator.webhooks import metrics_access, server
from cryostat_operator.webhooks.body_limits import MAX_DEPTH
from cryostat_operator.webhooks.conversion_review import MAX_REVIEW_BYTES
from cryostat_operator.webhooks.conversion_server import BUFFERED_BYTES
from cryostat_operator.webhooks.reviews import Caller, MalformedReviewError
from cryostat_operator.webhooks.server import MetricsSource, WebhookServer

PATH = WebhookPaths.VALIDATE
JSON = {"Content-Type": "application/json"}


class Handler:
    """A handler of reviews that can fail or be slow."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, bool]] = []
        self.error: Exception | None = None
        self.seconds = 0.0

    async def __call__(self, review: Any, caller: Caller) -> dict[str, Any]:
        assert caller.address.startswith("127.0.0.")
        self.seen.append((review, caller.is_api_server))
        await asyncio.sleep(self.seconds)
        if self.error:
            raise self.error
        return {"answer": review}


class Served:
    """A running server, and a client of it."""

    def __init__(self, *, certificate_required: bool = False) -> None:
        self.handler = Handler()
        self.observed: list[tuple[str, int]] = []
        self.from_api_server: list[bool] = []
        self.metrics_status = 200
        handlers = {PATH: self.handler}
        metrics = MetricsSource(self._text, self._check)
        plain = cast(Any, None)
        self.server = WebhookServer(
            handlers, plain, lambda _: True, self._observe, metrics, certificate_required=certificate_required
        )
        self.url = ""

    def _observe(self, path: str, status: int, seconds: float, from_api_server: bool) -> None:
        assert seconds >= 0
        self.observed.append((path, status))
        self.from_api_server.append(from_api_server)

    async def _text(self) -> bytes:
        return b"a 1\n"

    async def _check(self, authorization: str) -> int:
        assert authorization in ("", "Bearer x")
        return self.metrics_status

    async def post(self, data: Any, path: str = PATH, headers: dict[str, str] | None = None) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url + path, data=data, headers=headers or JSON) as answer,
        ):
            return answer.status, await answer.text()

    @property
    def in_progress(self) -> tuple[int, int, int]:
        return self.server._bytes.used, self.server._elements.used, self.server._requests.used


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    async for found in run(Served()):
        yield found


async def run(found: Served) -> AsyncIterator[Served]:
    await found.server.start("127.0.0.1", 0)
    assert found.server._listener
    port = found.server._listener.port
    found.url = f"http://127.0.0.1:{port}"
    yield found
    assert found.in_progress == (0, 0, 0)
    await found.server.stop()


async def test_a_review_is_answered_and_measured(served: Served) -> None:
    assert await served.post(b'{"a": 1}') == (200, '{"answer":{"a":1}}')
    assert served.handler.seen == [({"a": 1}, False)]  # no client certificate, so not trusted
    assert served.observed == [(PATH, 200)]


async def test_where_a_certificate_is_required_no_other_caller_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    async for served in run(Served(certificate_required=True)):
        status, text = await served.post(b'{"a": 1}')
        assert status == 403
        assert text == (
            "the operator has WEBHOOK_CLIENT_CERTIFICATE=required, and the caller presented no client certificate of "
            "the API server; configure one in the AdmissionConfiguration of each API server (docs/webhooks.md)"
        )
        assert b" 403 " in await status_without_body(served, 1_000_000, PATH)  # no memory is reserved
        assert (await served.post(b"{}", WebhookPaths.CONVERT))[0] == 400  # conversions are read
        monkeypatch.setattr(served.server, "_is_trusted", lambda _: True)
        assert await served.post(b'{"a": 1}') == (200, '{"answer":{"a":1}}')
        assert served.handler.seen == [({"a": 1}, True)]
        assert served.from_api_server == [False, False, False, True]


@pytest.mark.parametrize(
    ("body", "headers", "status", "message"),
    [
        (b"{}", {"Content-Type": "text/plain"}, 415, "expected application/json"),
        (b"{", JSON, 400, "not a review: unexpected end of data: line 1 column 2 (char 1)"),
        (
            b"[" * 1000 + b"]" * 1000,
            JSON,
            400,
            f"not a review: the review is nested more than {MAX_DEPTH} levels deep",
        ),
        (b"[" + b"1," * 250_001 + b"1]", JSON, 413, "the review has 250002 elements; at most 250000 are allowed"),
    ],
    ids=["content type", "no JSON", "nested", "elements"],
)
async def test_reviews_that_are_refused(
    served: Served, body: bytes, headers: dict[str, str], status: int, message: str
) -> None:
    assert await served.post(body, headers=headers) == (status, message)
    assert served.handler.seen == []
    assert served.observed == [(PATH, status)]


@pytest.mark.parametrize("path", [PATH, WebhookPaths.CONVERT])
async def test_a_compressed_body_is_refused_as_it_is(served: Served, path: str) -> None:
    """Decompressed, it would be larger than the Content-Length that the limits refer to."""
    body = gzip.compress(b" " * 9_000_000)
    status, text = await served.post(body, path, {**JSON, "Content-Encoding": "gzip"})
    assert (status, served.handler.seen) == (415, [])
    assert text == "expected a body without Content-Encoding"


async def test_conversions_may_be_larger(served: Served) -> None:
    head = (
        '{"kind":"ConversionReview","apiVersion":"apiextensions.k8s.io/v1","request":{"uid":"1","desiredAPIVersion":"v"'
    )
    body = f'{head},"objects":[{" " * server.ADMISSION_LIMITS.size}]}}}}'.encode()
    assert (await served.post(body, WebhookPaths.CONVERT))[0] == 200
    assert b" 413 " in await status_without_body(served, MAX_REVIEW_BYTES + 1, WebhookPaths.CONVERT)
    assert (await served.post(b"{}", WebhookPaths.CONVERT))[0] == 400
    assert served.observed == [(WebhookPaths.CONVERT, status) for status in (200, 413, 400)]


async def test_a_conversion_reserves_the_memory_that_it_uses(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_BYTES", BUFFERED_BYTES)
    _, writer = await request_without_body(served, MAX_REVIEW_BYTES, WebhookPaths.CONVERT)
    while served.in_progress[2] == 0:
        await asyncio.sleep(0.001)
    assert served.in_progress == (BUFFERED_BYTES, 0, 1)
    assert await served.post(b"{}") == (503, "too many reviews at a time; try again")
    writer.close()
    while served.in_progress[2]:
        await asyncio.sleep(0.001)


async def test_a_review_of_unknown_length_is_refused(served: Served) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{}"

    assert await served.post(parts()) == (411, "expected Content-Length")


async def test_other_paths_and_methods_are_refused(served: Served) -> None:
    assert (await served.post(b"{}", f"{PATH}/x"))[0] == 404
    async with aiohttp.ClientSession() as session, session.get(served.url + PATH) as answer:
        assert answer.status == 405
    assert served.handler.seen == []


async def test_failures_of_the_handler(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    served.handler.error = MalformedReviewError("no request")
    assert await served.post(b"{}") == (400, "not a review: no request")
    served.handler.error = RuntimeError("password")
    assert await served.post(b"{}") == (500, "the operator failed to review the object; see its log")
    assert caplog.messages == ["Review on /validate-operator-cryostat-io-v1beta2-cryostat failed"]
    monkeypatch.setattr(server, "ANSWER_TIMEOUT", 0.01)
    served.handler.seconds = 60.0
    assert await served.post(b"{}") == (504, "the review timed out; try again")
    assert [status for _, status in served.observed] == [400, 500, 504]


@pytest.mark.parametrize("limit", ["MAX_REQUESTS", "MAX_BYTES", "MAX_ELEMENTS"])
async def test_more_at_a_time_than_the_limit_is_refused(
    served: Served, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(server, limit, 0)
    assert (await served.post(b'{"a": [1, 2]}'))[0] == 503
    assert served.handler.seen == []
    monkeypatch.undo()
    assert (await served.post(b'{"a": [1, 2]}'))[0] == 200


async def test_one_address_leaves_requests_for_others(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_REQUESTS", 5)
    waiting = [await request_without_body(served, 9) for _ in range(4)]
    while served.in_progress[2] < 4:
        await asyncio.sleep(0.001)
    assert (await served.post(b"{}"))[0] == 503
    other = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=other) as session, session.post(served.url + PATH, json={}) as answer:
        assert answer.status == 200
    for _, writer in waiting:
        writer.close()
    while served.in_progress[2]:
        await asyncio.sleep(0.001)


async def request_without_body(
    served: Served, length: int, path: str = PATH
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    writer.write(head.encode())
    return reader, writer


async def status_without_body(served: Served, length: int, path: str = PATH) -> bytes:
    """The first line of the answer to a request whose body is not sent."""
    reader, writer = await request_without_body(served, length, path)
    line = await reader.readline()
    writer.close()
    return line


async def test_a_large_review_is_refused_before_its_body(served: Served) -> None:
    assert b" 413 " in await status_without_body(served, server.ADMISSION_LIMITS.size + 1)


async def test_a_body_that_does_not_arrive(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "BODY_TIMEOUT", 0.01)
    reader, writer = await request_without_body(served, 9)
    answer = await reader.readuntil(b"the review did not arrive in time")
    assert answer.startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_connection_that_is_closed_early(served: Served) -> None:
    async def closed() -> bytes:
        raise ConnectionResetError

    with pytest.raises(web.HTTPBadRequest) as error:
        await served.server._review(cast(Any, SimpleNamespace(read=closed)), False)
    assert error.value.text == "the connection was closed before the review was complete"


@pytest.mark.parametrize("status", [200, 401, 403])
async def test_metrics_need_permission(served: Served, status: int) -> None:
    served.metrics_status = status
    login = {"Authorization": "Bearer x"}
    async with aiohttp.ClientSession() as session, session.get(served.url + metrics_access.PATH, headers=login) as got:
        assert got.status == status
        assert await got.text() == ("a 1\n" if status == 200 else "")
        assert (got.headers.get("WWW-Authenticate") == "Bearer") == (status == 401)


async def test_idle_connections_of_one_address_leave_some_for_others(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert served.server._listener
    monkeypatch.setattr(served.server._listener, "_max_connections", 5)
    host, port = served.url.removeprefix("http://").split(":")
    idle = [await asyncio.open_connection(host, int(port)) for _ in range(4)]
    with pytest.raises(aiohttp.ClientConnectionError):
        await served.post(b"{}")
    other = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
    async with aiohttp.ClientSession(connector=other) as session, session.post(served.url + PATH, json={}) as answer:
        assert answer.status == 200
    for _, writer in idle:
        writer.close()


@pytest.mark.parametrize(
    "head", ["X: " + "a" * 5_000, "\r\n".join(f"X-{n}: a" for n in range(17)), "X" * 5_000 + ": a"]
)
async def test_large_headers_are_refused(served: Served, head: str) -> None:
    """They are kept until all of them have arrived, for each connection."""
    host, port = served.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.0 400 ")
    writer.close()
