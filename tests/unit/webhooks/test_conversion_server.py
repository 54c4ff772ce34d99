"""Conversions over HTTP: statuses, time limits, and limits of concurrent requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import orjson
import pytest
from aiohttp import web

from cryostat_operator.api import constants
from cryostat_operator.webhooks import conversion_server
from cryostat_operator.webhooks.conversion_review import ConversionReview
from cryostat_operator.webhooks.conversion_server import ConversionServer
from tests.unit.webhooks.conversion_requests import cryostat, review

JSON = {"Content-Type": "application/json"}


class Served:
    """A running server, and a client of it that sends and reads at the same time."""

    def __init__(self) -> None:
        self.conversions = ConversionServer()
        self.host, self.port = "127.0.0.1", 0

    async def post(self, body: Any) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else orjson.dumps(body)

        async def parts() -> AsyncIterator[bytes]:
            for start in range(0, len(data), 1 << 16):
                yield data[start : start + (1 << 16)]

        headers = {**JSON, "Content-Length": str(len(data))}
        url = f"http://{self.host}:{self.port}/"
        async with aiohttp.ClientSession() as session, session.post(url, data=parts(), headers=headers) as got:
            text = await got.read()
            return got.status, orjson.loads(text) if got.content_type == "application/json" else text.decode()

    async def open(self, body: bytes, length: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A request of which only `body` is sent."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
        writer.write(head.encode() + body)
        return reader, writer


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    found = Served()
    app = web.Application(client_max_size=1)  # has no effect on bodies that are read in parts
    app.add_routes([web.post("/", found.conversions.respond)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, found.host, 0).start()
    found.port = runner.addresses[0][1]
    yield found
    await runner.cleanup()


@pytest.mark.parametrize("count", [1, 30], ids=["on the event loop", "in threads"])
async def test_a_review_is_answered(served: Served, count: int) -> None:
    status, answer = await served.post(review([cryostat(number, 200_000 // count) for number in range(count)]))
    assert status == 200
    assert answer["response"]["result"] == {"status": "Success"}
    assert [obj["metadata"]["name"] for obj in answer["response"]["convertedObjects"]] == [
        f"x{number}" for number in range(count)
    ]


async def test_a_review_of_many_megabytes_is_answered(served: Served) -> None:
    status, answer = await served.post(review([cryostat(number, 250_000) for number in range(40)]))
    assert status == 200
    assert len(answer["response"]["convertedObjects"]) == 40
    assert {obj["apiVersion"] for obj in answer["response"]["convertedObjects"]} == {constants.API_VERSION}


@pytest.mark.parametrize("body", [b"{", b"[]", {"kind": "AdmissionReview"}, orjson.dumps(review([cryostat()]))[:-5]])
async def test_other_bodies_are_refused(served: Served, body: Any) -> None:
    status, text = await served.post(body)
    assert status == 400
    assert "not a review" in text


@pytest.mark.parametrize(
    ("limit", "status", "text"),
    [
        ("PART_TIMEOUT", b"408", b"the review did not arrive in time"),
        ("TIMEOUT", b"504", b"the review timed out; try again"),
    ],
)
async def test_a_body_that_does_not_arrive(
    served: Served, monkeypatch: pytest.MonkeyPatch, limit: str, status: bytes, text: bytes
) -> None:
    monkeypatch.setattr(conversion_server, limit, 0.01)
    reader, writer = await served.open(b"{", 9)
    answer = await reader.readuntil(text)
    assert answer.startswith(b"HTTP/1.1 " + status + b" ")
    writer.close()


async def test_a_body_that_arrives_byte_by_byte_is_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion_server, "PART_TIMEOUT", 0.2)
    reader, writer = await served.open(b"{", 1 << 20)
    answer = asyncio.create_task(reader.readline())
    while not answer.done():
        writer.write(b" ")
        await asyncio.sleep(0.01)
    assert b" 408 " in answer.result()
    writer.close()


async def test_a_response_that_takes_too_long_is_aborted(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Therefore the API server does not accept the first objects as the whole list."""
    body = orjson.dumps(review([cryostat(number, 100_000) for number in range(3)]))
    reader, writer = await served.open(body[:150_000], len(body))
    assert b" 200 " in await reader.readline()
    monkeypatch.setattr(conversion_server, "PART_TIMEOUT", 0.01)
    writer.write(body[150_000:150_001])
    assert not (await reader.read()).endswith(b"0\r\n\r\n")  # the last chunk
    writer.close()


async def test_an_error_of_the_operator_is_not_shown(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_self: ConversionReview, _chunk: bytes) -> bytes:
        raise RuntimeError("secret")

    monkeypatch.setattr(ConversionReview, "feed", broken)
    answer = await served.post(review([cryostat()]))
    assert answer == (500, "the operator failed to convert the objects; see its log")
    assert caplog.messages == ["Conversion failed"]


async def test_a_connection_that_is_closed_early() -> None:
    async def closed() -> bytes:
        raise ConnectionResetError

    request = SimpleNamespace(content_length=9, content=SimpleNamespace(readany=closed))
    with pytest.raises(web.HTTPBadRequest) as error:
        await ConversionServer().respond(cast(Any, request))
    assert error.value.text == "the connection was closed before the review was complete"


@pytest.fixture
def one_large(monkeypatch: pytest.MonkeyPatch, served: Served) -> None:
    monkeypatch.setattr(conversion_server, "LARGE", 1000)
    served.conversions._large_reviews = asyncio.Semaphore(1)


async def test_an_object_that_is_invalid_ends_an_answer_that_has_begun_as_a_failure(served: Served) -> None:
    objects = [cryostat(0, 200_000), cryostat(1), {"apiVersion": "v1"}, cryostat(2)]
    status, answer = await served.post(review(objects))
    assert status == 200  # it was sent before the failure
    assert answer["response"]["result"]["status"] == "Failure"
    assert len(answer["response"]["convertedObjects"]) <= 2


async def test_a_response_that_is_not_read_is_aborted(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The response is larger than the buffers of a connection."""
    body = orjson.dumps(review([cryostat(number, 1_000_000) for number in range(20)]))
    ended = asyncio.Event()
    respond = served.conversions._answer

    async def observed(answer: Any) -> Any:
        monkeypatch.setattr(conversion_server, "PART_TIMEOUT", 0.2)
        try:
            return await respond(answer)
        finally:
            ended.set()

    monkeypatch.setattr(served.conversions, "_answer", observed)
    _reader, writer = await served.open(body, len(body))
    await ended.wait()
    assert not served.conversions._decoding.locked()
    assert served.conversions._large_reviews._value == conversion_server.MAX_LARGE
    writer.close()


@pytest.mark.usefixtures("one_large")
@pytest.mark.parametrize("sent", [1500, 150_000], ids=["before the answer", "after its beginning"])
async def test_a_client_that_disconnects_frees_its_place(served: Served, sent: int) -> None:
    body = orjson.dumps(review([cryostat(number, 100_000) for number in range(3)]))
    reader, writer = await served.open(body[:sent], len(body))
    while not served.conversions._large_reviews.locked():
        await asyncio.sleep(0.001)
    if sent > 100_000:
        assert b" 200 " in await reader.readline()
    writer.transport.abort()
    assert (await served.post(body))[0] == 200


@pytest.mark.usefixtures("one_large")
async def test_large_reviews_wait_and_small_ones_do_not(served: Served) -> None:
    large = orjson.dumps(review([cryostat(0, 2000)]))
    reader, writer = await served.open(large[:-1], len(large))
    while not served.conversions._large_reviews.locked():
        await asyncio.sleep(0.001)
    waiting = asyncio.create_task(served.post(large))
    assert (await served.post(review([cryostat()])))[0] == 200
    assert not waiting.done()
    writer.write(large[-1:])
    assert b" 200 " in await reader.readline()
    assert (await waiting)[0] == 200
    writer.close()
