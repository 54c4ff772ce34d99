"""Access to the metrics: tokens are reviewed, and unknown callers cause few requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.webhooks import metrics_access
from cryostat_operator.webhooks.metrics_access import MAX_CACHED, MAX_CONCURRENT, MetricsAccess

TOKEN = "Bearer aaa.bbb.ccc"


class ApiServer:
    """Answers reviews; `hold` delays the answers."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.authenticated = self.allowed = True
        self.error: ApiError | None = None
        self.hold = asyncio.Event()
        self.hold.set()

    async def request(self, _method: str, _path: str, *, body: Any) -> Any:
        self.bodies.append(body)
        await self.hold.wait()
        if self.error:
            raise self.error
        if body["kind"] == "TokenReview":
            user = {"username": "prometheus", "groups": ["g"]} if self.authenticated else {}
            return {"status": {"authenticated": self.authenticated, "user": user}}
        return {"status": {"allowed": self.allowed}}


@pytest.fixture
def server() -> ApiServer:
    return ApiServer()


def access(server: ApiServer) -> MetricsAccess:
    return MetricsAccess(server)  # type: ignore[arg-type]


async def test_the_token_and_the_permission_are_reviewed(server: ApiServer) -> None:
    assert await access(server).check(TOKEN) == 200
    token, permission = server.bodies
    assert token["spec"] == {"token": "aaa.bbb.ccc"}
    assert (permission["spec"]["user"], permission["spec"]["groups"]) == ("prometheus", ["g"])
    assert permission["spec"]["nonResourceAttributes"] == {"path": "/metrics", "verb": "get"}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic aaa.bbb.ccc", TOKEN + " "])
async def test_a_text_that_is_not_a_token_is_not_reviewed(server: ApiServer, header: str) -> None:
    assert await access(server).check(header) == 401
    assert server.bodies == []


async def test_refused_tokens_are_not_cached(server: ApiServer) -> None:
    checked = access(server)
    server.authenticated = False
    assert await checked.check(TOKEN) == 401
    server.authenticated, server.allowed = True, False
    assert await checked.check(TOKEN) == 403
    server.error = ApiError(500, "x", "y")
    assert await checked.check(TOKEN) == 503
    server.allowed, server.error = True, None
    assert await checked.check(TOKEN) == 200


async def test_an_accepted_token_is_cached(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    checked = access(server)
    for _ in range(3):
        assert await checked.check(TOKEN) == 200
    assert len(server.bodies) == 2
    assert await checked.check("Bearer aaa.bbb.ddd") == 200
    assert len(server.bodies) == 4
    now += metrics_access.CACHE_SECONDS + 0.1
    server.allowed = False
    assert await checked.check(TOKEN) == 403


async def test_the_number_of_cached_tokens_is_bounded(server: ApiServer) -> None:
    checked = access(server)
    for number in range(2 * MAX_CACHED):
        await checked.check(f"Bearer a.b.{number}")
    assert len(checked._accepted) == MAX_CACHED


async def test_few_reviews_are_in_progress_and_known_callers_do_not_wait(server: ApiServer) -> None:
    checked = access(server)
    assert await checked.check(TOKEN) == 200
    server.bodies.clear()
    server.hold.clear()
    unknown = [asyncio.create_task(checked.check(f"Bearer a.b.{number}")) for number in range(3 * MAX_CONCURRENT)]
    await asyncio.sleep(0)
    assert len(server.bodies) == MAX_CONCURRENT
    assert await checked.check(TOKEN) == 200
    server.hold.set()
    answers = await asyncio.gather(*unknown)
    assert sorted(answers) == [200] * MAX_CONCURRENT + [503] * 2 * MAX_CONCURRENT


class Clock:
    """The time of `time.monotonic`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


@asynccontextmanager
async def many_unknown_callers(server: ApiServer, checked: MetricsAccess) -> AsyncIterator[None]:
    """Inside the block, callers that wait for a response use all concurrent reviews."""
    server.hold.clear()
    unknown = [asyncio.create_task(checked.check(f"Bearer a.b.{number}")) for number in range(MAX_CONCURRENT)]
    await asyncio.sleep(0)
    yield
    server.hold.set()
    await asyncio.gather(*unknown)


async def test_unknown_callers_do_not_block_a_known_one(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the reviews are used up, a token that was accepted some minutes ago is still accepted."""
    clock, checked = Clock(monkeypatch), access(server)
    assert await checked.check(TOKEN) == 200
    clock.now += metrics_access.CACHE_SECONDS + 1.0
    async with many_unknown_callers(server, checked):
        assert await checked.check(TOKEN) == 200
        clock.now += metrics_access.GRACE_SECONDS
        assert await checked.check(TOKEN) == 503


async def test_a_refused_token_has_no_grace_period(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, checked = Clock(monkeypatch), access(server)
    assert await checked.check(TOKEN) == 200
    clock.now += metrics_access.CACHE_SECONDS + 1.0
    server.allowed = False
    assert await checked.check(TOKEN) == 403
    async with many_unknown_callers(server, checked):
        assert await checked.check(TOKEN) == 503
