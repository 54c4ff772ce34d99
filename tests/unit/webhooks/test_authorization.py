"""Reviews of permissions are sent once. The cache has only digests, expires and is bounded."""

from __future__ import annotations

import asyncio
import tracemalloc
from dataclasses import replace
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
    user = {"username": "u", "extra": {"a": ["x" * 10**5]}}
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


async def test_waiting_reviews_contain_no_copies_of_the_user() -> None:
    """A forged review can name a user with much data and a thousand namespaces."""
    server = ApiServer()
    user = {"username": "u", "extra": {"a": ["x" * 200_000]}}
    tracemalloc.start()
    await reviews(server).missing(user, [replace(PERMISSION, namespace=str(number)) for number in range(48)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(server.bodies) == 48
    assert peak < 4_000_000  # the 48 copies would have 9.6 MB


async def test_too_much_data_of_a_user_is_not_sent() -> None:
    server = ApiServer()
    user = {"username": "u", "groups": ["x" * authorization.MAX_USER_BYTES]}
    with pytest.raises(ApiError) as error:
        await reviews(server).missing(user, [PERMISSION])
    size = authorization.MAX_USER_BYTES + len('{"groups":[""],"user":"u"}')
    assert str(error.value) == f"the groups and other data of the user have {size} bytes; at most 262144 are allowed"
    assert (error.value.status, server.bodies) == (413, [])


async def test_callers_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod can send hundreds of reviews with many permissions each. Those of the API server do not wait for all."""
    monkeypatch.setattr(authorization, "MAX_CONCURRENT", 2)
    server = ApiServer()
    checked = reviews(server)
    forged = [
        asyncio.create_task(checked.missing({"username": f"forged{number}"}, [PERMISSION], "10.0.0.9"))
        for number in range(50)
    ]
    await asyncio.sleep(0)
    assert await checked.missing({"username": "author"}, [PERMISSION], "10.0.0.1") == []
    assert len(server.bodies) <= 12
    await asyncio.gather(*forged)
    assert len(server.bodies) == 51


async def test_namespaces_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reviews of all tenants come from one address, that of the API server."""
    monkeypatch.setattr(authorization, "MAX_CONCURRENT", 2)
    server = ApiServer()
    checked = reviews(server)
    many = [
        asyncio.create_task(checked.missing({"username": f"user{number}"}, [PERMISSION], "10.0.0.1", "busy"))
        for number in range(50)
    ]
    await asyncio.sleep(0)
    assert await checked.missing({"username": "author"}, [PERMISSION], "10.0.0.1", "quiet") == []
    assert len(server.bodies) <= 12
    await asyncio.gather(*many)


async def test_permissions_of_reviews_that_ended_are_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A review ends after six seconds. What it has not checked until then must not delay later reviews."""
    monkeypatch.setattr(authorization, "MAX_CONCURRENT", 2)
    server = ApiServer()
    checked = reviews(server)
    permissions = [replace(PERMISSION, namespace=str(number)) for number in range(2)]
    ended = [asyncio.create_task(checked.missing({"username": f"u{n}"}, permissions)) for n in range(50)]
    other = asyncio.create_task(checked.missing({"username": "u49"}, permissions[:1]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for each in ended:
        each.cancel()
    again = asyncio.create_task(checked.missing({"username": "u20"}, permissions))
    assert await other == []
    await asyncio.gather(*ended, return_exceptions=True)
    assert await again == []
    assert [body["spec"]["user"] for body in server.bodies] == ["u0", "u0", "u49", "u20", "u20"]


async def test_the_number_of_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorization, "MAX_CACHED", 10)
    checked = reviews(ApiServer())
    for number in range(50):
        await checked.missing({"username": str(number)}, [PERMISSION])
    assert len(checked._cache) == 10
