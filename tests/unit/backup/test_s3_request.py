"""Requests that an overloaded service refuses are repeated. Others fail with one sentence."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from aiohttp import web

from cryostat_operator.backup import s3_request
from cryostat_operator.backup.folder import FileChunks
from cryostat_operator.backup.manifest import BackupError
from cryostat_operator.backup.object_storage import ObjectStorage
from cryostat_operator.backup.s3_request import MissingObjectError
from tests.unit.backup.object_service import service

CONTENT = b"content"


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_request, "RETRY_SECONDS", (0.0, 0.0))


class Overloaded:
    """Refuses the first requests."""

    def __init__(self, count: int, status: int = 503) -> None:
        self.count = count
        self.status = status
        self.requests: list[web.Request] = []

    def __call__(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        if len(self.requests) <= self.count:
            return web.Response(status=self.status, text="<Error><Code>SlowDown</Code></Error>")
        return web.Response(body=CONTENT)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_refused_requests_are_repeated(status: int) -> None:
    chunks: list[bytes] = []
    server = Overloaded(2, status)
    async with service(server) as storage:
        await storage.read("logs", "a", chunks.append)
    assert (len(server.requests), chunks) == (3, [CONTENT])


async def test_the_number_of_attempts_is_limited() -> None:
    server = Overloaded(9)
    async with service(server) as storage:
        with pytest.raises(
            BackupError, match=r"^The request GET /logs/a to the object storage failed: HTTP 503 SlowDown\.$"
        ):
            await storage.read("logs", "a", lambda chunk: None)
    assert len(server.requests) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 409, 501])
async def test_other_refusals_are_not_repeated(status: int) -> None:
    server = Overloaded(9, status)
    async with service(server) as storage:
        with pytest.raises(BackupError) as caught:
            await storage.read("logs", "a", lambda chunk: None)
    assert len(server.requests) == 1
    assert isinstance(caught.value, MissingObjectError) == (status == 404)


async def test_an_upload_sends_all_of_its_content_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    bodies = []

    def answer(request: web.Request) -> web.Response:
        bodies.append(request._read_bytes)
        return web.Response(status=500 if len(bodies) == 1 else 200)

    async with service(answer) as storage:
        digest = hashlib.sha256(CONTENT).hexdigest()
        await storage.write("logs", "a", FileChunks(tmp_path / "file"), len(CONTENT), digest, {}, {})
    assert bodies == [CONTENT, CONTENT]


@pytest.mark.parametrize("url", ["s3.example.com", "http://[bad", "ftp://127.0.0.1"])
async def test_an_invalid_address_is_reported(url: str) -> None:
    storage = ObjectStorage(url, "user", "key-marker", token="token-marker")
    with pytest.raises(BackupError, match="The request GET / to the object storage failed:"):
        await storage.buckets()
    assert "marker" not in repr(storage._service)
    await storage.aclose()
