"""Requests to S3. tests/programs/test_backup.py uses the client with a real server."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from aiohttp import web

from cryostat_operator.backup.manifest import BackupError
from cryostat_operator.backup.object_storage import Entry, ObjectStorage
from tests.unit.backup.object_service import service


async def test_all_pages_of_a_list_are_read() -> None:
    def answer(request: web.Request) -> web.Response:
        token = request.query.get("continuation-token")
        more = "" if token else "<IsTruncated>true</IsTruncated><NextContinuationToken>a/b</NextContinuationToken>"
        key = "two" if token else "one"
        assert token in (None, "a/b")
        return web.Response(text=f"<R xmlns='x'>{more}<Contents><Key>{key}</Key><Size>3</Size></Contents></R>")

    async with service(answer) as storage:
        assert await storage.entries("logs") == [Entry("one", 3), Entry("two", 3)]


async def test_keys_are_encoded_once() -> None:
    paths = []

    def answer(request: web.Request) -> web.Response:
        paths.append(request.raw_path)
        return web.Response(body=b"content", headers={"Content-Type": "a/b", "X-Amz-Meta-Name": "x", "ETag": "y"})

    async with service(answer) as storage:
        chunks: list[bytes] = []
        headers = await storage.read("logs", "a b/ä%2F+", chunks.append)
    assert paths == ["/logs/a%20b/%C3%A4%252F%2B"]
    assert b"".join(chunks) == b"content"
    assert {name.lower(): value for name, value in headers.items()} == {"content-type": "a/b", "x-amz-meta-name": "x"}


async def test_content_is_not_compressed_for_transfer() -> None:
    asked = []

    def answer(request: web.Request) -> web.Response:
        asked.append(request.headers["Accept-Encoding"])
        return web.Response(body=b"content")

    async with service(answer) as storage:
        await storage.read("logs", "one", lambda chunk: None)
    assert asked == ["identity"]


async def test_an_incomplete_object_is_an_error() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\ncon")
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    chunks: list[bytes] = []
    async with server, aclosing(ObjectStorage(f"http://127.0.0.1:{port}", "user", "key")) as storage:
        with pytest.raises(
            BackupError, match=r"^The request GET /logs/one to the object storage failed: ClientPayloadError"
        ):
            await storage.read("logs", "one", chunks.append)
    assert b"".join(chunks) == b"con"


async def test_a_list_without_sizes_is_an_error() -> None:
    async with service(lambda _: web.Response(text="<R><Contents><Key>one</Key></Contents></R>")) as storage:
        with pytest.raises(BackupError, match=r"^The object storage sent a list of objects without a key or a size\.$"):
            await storage.entries("logs")


async def test_redirects_are_not_followed() -> None:
    def answer(request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/other"}) if request.path == "/logs/a" else web.Response()

    async with service(answer) as storage:
        with pytest.raises(BackupError, match=r"PUT /logs/a to the object storage failed: HTTP 307"):
            await storage.store("logs", "a", b"content")


async def test_tags_are_read() -> None:
    text = "<T><TagSet><Tag><Key>a</Key><Value>b&amp;c</Value></Tag><Tag><Key>d</Key><Value/></Tag></TagSet></T>"
    async with service(lambda _: web.Response(text=text)) as storage:
        assert await storage.tags("logs", "one") == {"a": "b&c", "d": ""}


async def test_errors_are_one_sentence() -> None:
    text = "<Error><Code>AccessDenied</Code><Message>x</Message></Error>"
    async with service(lambda _: web.Response(status=403, text=text)) as storage:
        with pytest.raises(
            BackupError, match=r"^The request GET /logs/a to the object storage failed: HTTP 403 AccessDenied\.$"
        ):
            await storage.read("logs", "a", lambda chunk: None)
    with pytest.raises(BackupError, match="request GET / to the object storage failed"):
        await ObjectStorage("http://127.0.0.1:1", "user", "key").buckets()


async def test_a_response_that_is_not_xml_is_an_error() -> None:
    async with service(lambda _: web.Response(text="<")) as storage:
        with pytest.raises(BackupError, match=r"^The object storage sent an answer that is not XML\.$"):
            await storage.buckets()
