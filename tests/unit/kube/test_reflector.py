"""The list and watch of one resource: pages, events, expired versions, outages, and the delays of retries."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiohttp import web

from cryostat_operator.kube import reflector as reflector_module
from cryostat_operator.kube.client import Client
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.kube.reflector import Reflector, Source
from tests.unit.kube.server import FakeServer


def obj(name: str, version: int = 1) -> dict[str, Any]:
    return {"metadata": {"name": name, "resourceVersion": str(version)}}


class RecordingStore:
    def __init__(self) -> None:
        self.calls: list[str] = []
        self.malformed = ""

    def begin_list(self) -> None:
        self.calls.append("begin")

    def end_list(self) -> None:
        self.calls.append("end")

    def upsert(self, obj: dict[str, Any]) -> None:
        name = obj["metadata"]["name"]
        if name == self.malformed:
            raise KeyError(name)
        self.calls.append(f"+{name}")

    def remove(self, obj: dict[str, Any]) -> None:
        self.calls.append(f"-{obj['metadata']['name']}")


class Collection(FakeServer):
    """One resource: `pages` are listed, then `events` are watched. A watch without events remains open."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: list[Any] = [page([])]
        self.events: list[list[dict[str, Any]]] = []
        self.handler = self.answer
        self.status = 200

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.status != 200:
            return web.json_response({"reason": "x", "message": "y"}, status=self.status)
        if "watch" not in request.query:
            number = int(request.query.get("continue", 0))
            return web.json_response(self.pages[number])
        response = web.StreamResponse()
        await response.prepare(request)
        if not self.events:
            await asyncio.sleep(60)
        for event in self.events.pop(0):
            await response.write(json.dumps(event).encode() + b"\n")
        return response

    @property
    def watched(self) -> list[str]:
        return [r.query["resourceVersion"] for r in self.requests if "watch" in r.query]


def page(items: list[Any], version: int = 7, more: str = "") -> dict[str, Any]:
    return {"metadata": {"resourceVersion": str(version), **({"continue": more} if more else {})}, "items": items}


@asynccontextmanager
async def running(server: Collection, store: RecordingStore, source: Source | None = None) -> AsyncIterator[Reflector]:
    async with server.running() as client:
        reflector = Reflector(client, source or Source("/x"), store)
        task = asyncio.create_task(reflector.run())
        try:
            yield reflector
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reflector_module, "MIN_BACKOFF", 0.01)


async def test_all_pages_are_one_list_and_the_watch_starts_at_its_version() -> None:
    server, store = Collection(), RecordingStore()
    server.pages = [page([obj("a")], more="1"), page([obj("b")], version=9)]
    async with running(server, store) as reflector:
        await reflector.synced.wait()
        await until(lambda: server.watched)
    assert store.calls == ["begin", "+a", "+b", "end"]
    assert server.watched == ["9"]


async def test_events_are_delivered_and_the_next_watch_continues_after_them() -> None:
    server, store = Collection(), RecordingStore()
    server.events = [
        [
            {"type": "ADDED", "object": obj("a", 8)},
            {"type": "MODIFIED", "object": obj("a", 9)},
            {"type": "DELETED", "object": obj("a", 10)},
            {"type": "BOOKMARK", "object": obj("", 15)},
        ]
    ]
    async with running(server, store):
        await until(lambda: len(server.watched) == 2)
    assert store.calls == ["begin", "end", "+a", "+a", "-a"]
    assert server.watched == ["7", "15"]


async def test_an_expired_version_causes_a_new_list() -> None:
    server, store = Collection(), RecordingStore()
    server.events = [[{"type": "ERROR", "object": {"code": 410, "reason": "Expired", "message": "too old"}}]]
    async with running(server, store):
        await until(lambda: len(server.watched) == 2)
    assert store.calls == ["begin", "end", "begin", "end"]


async def test_a_malformed_object_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    server, store = Collection(), RecordingStore()
    store.malformed = "a"
    server.pages = [page([obj("a"), obj("b")])]
    async with running(server, store) as reflector:
        await reflector.synced.wait()
    assert store.calls == ["begin", "+b", "end"]
    assert "Ignoring malformed object /x None/a" in caplog.text


async def test_a_resource_that_is_not_served_is_empty() -> None:
    server, store = Collection(), RecordingStore()
    server.status = 404
    async with running(server, store) as reflector:
        await reflector.synced.wait()
    assert store.calls == ["begin", "begin", "end"]


async def test_a_resource_that_is_not_served_is_retried_soon_and_later_only_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A resource that was installed again may be served only after the operator has asked for it."""
    caplog.set_level("DEBUG")
    monkeypatch.setattr(reflector_module, "MIN_BACKOFF", 0.1)
    monkeypatch.setattr("cryostat_operator.kube.reflector.random.uniform", lambda *_: 0.0)
    server, store = Collection(), RecordingStore()
    server.status = 404
    async with running(server, store):
        await until(lambda: len(server.requests) > 12)
    delays = re.findall(r"retrying in (\S+) s", caplog.text)
    assert delays[:4] == ["0.1", "0.2", "0.4", "0.8"]
    assert delays[10:12] == ["60.0", "60.0"]


async def test_watches_that_end_without_an_event_are_opened_with_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that ends them at once must not cause ten requests per second for each resource."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await asyncio.sleep(0)

    monkeypatch.setattr(reflector_module, "MIN_BACKOFF", 0.1)
    monkeypatch.setattr(reflector_module, "asyncio", SimpleNamespace(sleep=sleep, Event=asyncio.Event))
    monkeypatch.setattr(reflector_module, "time", SimpleNamespace(monotonic=lambda: 0.0))
    server, store = Collection(), RecordingStore()
    server.events = [[] for _ in range(8)] + [[{"type": "ADDED", "object": obj("a", 8)}], []]
    async with running(server, store):
        await until(lambda: len(server.watched) == 11)
    assert slept[:8] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert slept[8:] == [0.1, 0.1]
    assert server.watched[-3:] == ["7", "8", "8"]


class Failing(Reflector):
    """Its resource is not served twelve times. Then each watch lasts for some seconds and fails."""

    def __init__(self, watch: Callable[[], None]) -> None:
        super().__init__(cast("Client", None), Source("/x"), RecordingStore())
        self.lists = 0
        self.watch = watch

    async def _list(self) -> str:
        self.lists += 1
        if self.lists <= 12:
            raise ApiError(404, "NotFound", "x")
        return "1"

    async def _watch(self, version: str) -> None:
        self.watch()
        if self.lists == 15:
            raise asyncio.CancelledError
        raise ApiError(500, "InternalError", "x")


@pytest.mark.parametrize(("watch_seconds", "delays"), [(3600.0, [0.1, 0.1]), (1.0, [5.0, 5.0])])
async def test_a_resource_that_is_served_again_is_not_retried_once_a_minute(
    watch_seconds: float, delays: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch may fail hours later, and until the next one, the objects are those of before."""
    monkeypatch.setattr(reflector_module, "MIN_BACKOFF", 0.1)
    monkeypatch.setattr("cryostat_operator.kube.reflector.random.uniform", lambda *_: 1.0)
    clock, slept = [0.0], []

    def pass_time(seconds: float) -> None:
        clock[0] += seconds

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        pass_time(seconds)

    monkeypatch.setattr(reflector_module, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(reflector_module, "asyncio", SimpleNamespace(sleep=sleep, Event=asyncio.Event))
    reflector = Failing(lambda: pass_time(watch_seconds))
    with pytest.raises(asyncio.CancelledError):
        await reflector.run()
    assert slept[10:12] == [60.0, 60.0]
    assert slept[12:] == delays


@pytest.mark.parametrize("may_be_forbidden", [True, False])
async def test_a_list_that_may_be_forbidden_is_retried_rarely(may_be_forbidden: bool) -> None:
    server, store = Collection(), RecordingStore()
    server.status = 403
    async with running(server, store, Source("/x", may_be_forbidden=may_be_forbidden)) as reflector:
        await until(lambda: len(server.requests) == 1 if may_be_forbidden else len(server.requests) > 2)
        await asyncio.sleep(0.2)
        assert reflector.synced.is_set() == may_be_forbidden
    assert store.calls[0] == "begin"
    assert "end" not in store.calls
    assert (len(server.requests) == 1) == may_be_forbidden


@pytest.mark.parametrize("refused", ["list", "watch"])
async def test_a_refusal_counts_until_list_and_watch_are_permitted(refused: str) -> None:
    server, store = Collection(), RecordingStore()
    requested: list[tuple[str, bool]] = []

    async def refuse(request: web.Request) -> web.StreamResponse:
        verb = "watch" if "watch" in request.query else "list"
        requested.append((verb, reflector.refusal is not None))
        if verb == refused:
            return web.json_response({"reason": "Forbidden", "message": "y"}, status=403)
        return await server.answer(request)

    server.handler = refuse
    async with running(server, store) as reflector:
        await until(lambda: len(requested) > 4)
        assert requested[0] == ("list", False)
        assert all(is_refused for _, is_refused in requested[2:]), "also while the list is permitted"
        server.handler = server.answer
        await until(lambda: reflector.refusal is None)


@pytest.mark.parametrize("status", [503, 400])
async def test_a_refusal_counts_while_requests_fail_for_another_cause(status: int) -> None:
    server, store = Collection(), RecordingStore()
    server.status = 403
    async with running(server, store) as reflector:
        await until(lambda: reflector.refusal)
        server.status, during = status, len(server.requests)
        await until(lambda: len(server.requests) > during + 2)
        assert reflector.refusal
        server.status = 404
        await until(lambda: reflector.refusal is None)


async def test_an_outage_is_retried_and_is_not_an_empty_list() -> None:
    server, store = Collection(), RecordingStore()
    server.status = 503
    server.pages = [page([obj("a")])]
    async with running(server, store) as reflector:
        await until(lambda: len(server.requests) >= 3)
        assert not reflector.synced.is_set()
        assert "end" not in store.calls
        server.status = 200
        await reflector.synced.wait()
    assert store.calls[-3:] == ["begin", "+a", "end"]


async def test_selector_and_media_type_are_part_of_both_requests() -> None:
    server, store = Collection(), RecordingStore()
    async with running(server, store, Source("/x", "a=b", metadata_only=True)):
        await until(lambda: server.watched)
    listed, watched = server.requests
    assert (listed.query["labelSelector"], watched.query["labelSelector"]) == ("a=b", "a=b")
    assert "as=PartialObjectMetadataList;" in listed.headers["Accept"]
    assert "as=PartialObjectMetadata;" in watched.headers["Accept"]


@pytest.mark.parametrize(("status", "is_message"), [(200, True), (403, True), (503, False)])
async def test_each_message_resets_the_time_since_the_last_one(status: int, is_message: bool) -> None:
    """After a long time without a message the kubelet restarts the operator. The next process is refused, too."""
    server, store = Collection(), RecordingStore()
    server.status = status
    client: Client
    async with server.running() as client:
        reflector = Reflector(client, Source("/x"), store)
        reflector._last_contact -= 1000.0
        assert reflector.seconds_since_contact >= 1000.0
        task = asyncio.create_task(reflector.run())
        await until(lambda: len(server.requests) > 1)
        assert (reflector.seconds_since_contact < 500.0) == is_message
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
