"""Reviews of permissions are sent once. The cache has only digests, expires and is bounded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cryostat_operator.api.permission import Permission
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.webhooks import authorization
from cryostat_operator.webhooks.authorization import AccessReviews

PERMISSION = Permission("create", "g", "things", "n")


class ApiServer:
    """Responds to reviews as `allowed` says, or raises `error`."""

    def __init__(self) -> None:
        self.bodies: list[Any] = []
        self.allowed = True
        self.error: ApiError | None = None

    async def request(self, _method: str, _path: str, *, body: Any) -> Any:
        self.bodies.append(body)
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        return {"status": {"allowed": self.allowed}}


def reviews(server: ApiServer) -> AccessReviews:
    return AccessReviews(server)  # type: ignore[arg-type]


async def test_a_review_is_sent_once_and_cached_by_digest() -> None:
    server = ApiServer()
    checked = reviews(server)
    user = {"username": "u", "extra": {"a": ["x" * 10**6]}}
    await asyncio.gather(*(checked.missing(user, [PERMISSION]) for _ in range(5)))
    assert len(server.bodies) == 1
    assert [len(digest) for digest in checked._cache] == [32]


async def test_refusals_and_failures_are_not_cached() -> None:
    server = ApiServer()
    checked = reviews(server)
    server.allowed = False
    assert await checked.missing({}, [PERMISSION]) == [PERMISSION]
    server.allowed, server.error = True, ApiError(500, "x", "y")
    with pytest.raises(ApiError):
        await checked.missing({}, [PERMISSION])
    server.error = None
    assert await checked.missing({}, [PERMISSION]) == []
    assert len(server.bodies) == 3


async def test_entries_are_purged_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    server, now = ApiServer(), 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    checked = reviews(server)
    await checked.missing({"username": "a"}, [PERMISSION])
    now += authorization.CACHE_SECONDS + 0.1
    await checked.missing({"username": "b"}, [PERMISSION])
    assert len(checked._cache) == 1
    await checked.missing({"username": "a"}, [PERMISSION])
    assert len(server.bodies) == 3


async def test_the_number_of_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorization, "MAX_CACHED", 10)
    checked = reviews(ApiServer())
    for number in range(50):
        await checked.missing({"username": str(number)}, [PERMISSION])
    assert len(checked._cache) == 10
