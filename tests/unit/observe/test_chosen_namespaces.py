"""Chosen namespaces, and those of them in which the operator may not list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cryostat_operator.kube import reflector
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.kube.reflector import Source
from cryostat_operator.observe import chosen_namespaces
from cryostat_operator.observe.chosen_namespaces import ChosenNamespaces
from cryostat_operator.observe.namespaced_reflector import NamespacedReflector
from cryostat_operator.plan.model.kinds import Key, Obj, path_of
from tests.unit.api_server import ApiServer

SERVICES = Source("/api/v1/services")


class Server(ApiServer):
    """An API server that refuses lists and watches of these paths."""

    def __init__(self) -> None:
        super().__init__()
        self.forbidden: set[str] = set()
        self.unwatched: set[str] = set()  # paths of which only watches are refused
        self.may_list = asyncio.Event()
        self.may_list.set()
        self.waiting: list[str] = []  # paths of lists that wait for `may_list`
        self.hook = self._refuse

    async def list_page(
        self, path: str, on_item: Callable[[Obj], None], params: Mapping[str, str], accept: str = ""
    ) -> Obj:
        if not self.may_list.is_set():
            self.waiting.append(path)
            await self.may_list.wait()
        return await super().list_page(path, on_item, params, accept)

    @asynccontextmanager
    async def watch(self, path: str, params: Mapping[str, str], accept: str) -> AsyncIterator[AsyncIterator[Obj]]:
        if path in self.unwatched:
            raise ApiError(403, "Forbidden", f"cannot watch {path}")
        async with super().watch(path, params, accept) as events:
            yield events

    def _refuse(self, method: str, path: str, _: Any) -> ApiError | None:
        return ApiError(403, "Forbidden", f"cannot list {path}") if path in self.forbidden else None


class Names:
    """A store that keeps the namespaces of its objects."""

    def __init__(self) -> None:
        self.namespaces: set[str] = set()

    def begin_list(self, namespace: str = "") -> None:
        self.namespaces.discard(namespace)

    def upsert(self, obj: Obj) -> None:
        self.namespaces.add(obj["metadata"]["namespace"])

    def remove(self, obj: Obj) -> None:
        self.namespaces.discard(obj["metadata"]["namespace"])

    def end_list(self, namespace: str = "") -> None:
        pass


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen_namespaces, "CONFIRM_SECONDS", 0.0)
    monkeypatch.setattr(chosen_namespaces, "RETRY_SECONDS", 0.0)
    monkeypatch.setattr(reflector, "MIN_BACKOFF", 0.0)
    monkeypatch.setattr(chosen_namespaces, "UNAVAILABLE_SECONDS", 0.0)


async def until(probe: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not probe():
            await asyncio.sleep(0)


def collection(namespace: str, plural: str = "secrets") -> str:
    return f"/api/v1/namespaces/{namespace}/{plural}"


class Watch:
    """The Services of two chosen namespaces, watched until `stop`."""

    def __init__(self, server: Server) -> None:
        self.changed: list[str] = []
        self.chosen = ChosenNamespaces(server, ("one", "two"), self.changed.append)
        self.store = Names()
        self.reflector = NamespacedReflector(server, SERVICES, self.store, self.chosen, required=True)
        for name in ("one", "two"):
            server.put(path_of(Key("Service", name, "s")), {})

    async def start(self) -> None:
        await self.chosen.start()
        self.task = asyncio.create_task(self.reflector.run())

    async def synced(self) -> None:
        async with asyncio.timeout(60):
            await self.reflector.synced.wait()

    async def stop(self) -> None:
        await self.chosen.stop()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def served(self) -> set[str]:
        return {"one", "two", "three"} - self.chosen.not_served(["one", "two", "three"])


async def test_all_chosen_namespaces_are_served_after_their_lists() -> None:
    watch = Watch(Server())
    await watch.start()
    assert watch.served() == set()
    assert not watch.reflector.synced.is_set()
    await watch.synced()
    assert watch.served() == watch.store.namespaces == {"one", "two"}
    assert watch.reflector.seconds_since_contact < 60
    assert watch.changed == []
    await watch.stop()


async def test_a_namespace_without_permission_blocks_no_other_one(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    server.forbidden = {collection("two")}
    watch = Watch(server)
    await watch.start()
    await watch.synced()
    assert watch.served() == watch.store.namespaces == {"one"}
    checks = server.requests.count(("GET", collection("two")))
    await until(lambda: server.requests.count(("GET", collection("two"))) > checks + 3)
    assert ("GET", collection("two", "services")) not in server.requests
    assert [record.getMessage() for record in caplog.records] == [
        "Namespace two is not served: cannot list /api/v1/namespaces/two/secrets. "
        "Bind the ClusterRole for chosen namespaces there (docs/install.md); the operator tries again every 0 seconds"
    ]
    caplog.clear()
    caplog.set_level("INFO")
    server.forbidden.clear()
    await until(lambda: watch.changed == ["two"])
    assert caplog.messages == ["Namespace two is served"]
    assert watch.served() == watch.store.namespaces == {"one", "two"}
    await watch.stop()


async def test_a_role_that_lacks_a_resource_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    server.forbidden = {collection("two", "services")}
    watch = Watch(server)
    await watch.start()
    await watch.synced()
    await until(watch.reflector.synced.is_set)
    assert watch.served() == {"one"}
    [named] = [record.getMessage() for record in caplog.records]
    assert "cannot list /api/v1/namespaces/two/services" in named
    server.forbidden.clear()
    await until(lambda: watch.served() == {"one", "two"})
    assert watch.changed[-1] == "two"
    await watch.stop()


async def test_an_api_server_that_does_not_answer_is_asked_again() -> None:
    server, errors = Server(), [ApiError(503, "Unavailable", "later"), ApiError(404, "NotFound", "no such kind")]
    server.hook = lambda _, path, __: errors.pop(0) if errors and path == collection("one") else None
    watch = Watch(server)
    await watch.start()
    await watch.synced()
    assert watch.served() == {"one", "two"}
    assert server.requests.count(("GET", collection("one"))) == 2
    await watch.stop()


async def test_without_chosen_namespaces_all_are_served() -> None:
    server = Server()
    chosen = ChosenNamespaces(server, (), lambda _: None)
    await chosen.start()
    assert chosen.not_served(["one"]) == frozenset()
    assert server.requests == []
    await chosen.stop()


async def test_a_namespace_that_can_be_listed_and_not_watched_is_not_served_again_and_again() -> None:
    server = Server()
    server.unwatched = {collection("one", "services")}
    watch = Watch(server)
    await watch.start()
    await until(lambda: len(server.requests) > 50)
    assert watch.changed == ["one"], "it was not served once"
    server.unwatched = set()
    await until(lambda: watch.chosen.not_served(["one"]) == frozenset())
    await watch.stop()


def end_watches(server: Server) -> None:
    """End all open watches as after a compaction, so that everything is listed again."""
    for _, _, queue in server._streams:
        queue.put_nowait({"type": "ERROR", "object": {"code": 410, "reason": "Expired"}})


async def test_one_refusal_is_no_missing_permission(caplog: pytest.LogCaptureFixture) -> None:
    """An API server that has just started refuses all requests until it has read the roles."""
    server = Server()
    watch = Watch(server)
    await watch.start()
    await watch.synced()
    path, refusals = collection("two", "services"), [ApiError(403, "Forbidden", "no")]
    server.hook = lambda _, asked, __: refusals.pop() if refusals and asked == path else None
    lists = server.requests.count(("GET", path))
    end_watches(server)
    await until(lambda: server.requests.count(("GET", path)) == lists + 3)  # refused, confirmed, listed
    assert watch.served() == {"one", "two"}
    assert watch.changed == caplog.messages == []
    await watch.stop()


async def test_a_namespace_is_served_again_only_after_its_objects_were_listed_again() -> None:
    server = Server()
    watch = Watch(server)
    await watch.start()
    await watch.synced()
    server.forbidden = {collection("two", "services")}
    end_watches(server)
    await until(lambda: watch.changed == ["two"])
    server.remove(Key("Service", "two", "s"))
    server.may_list.clear()
    server.forbidden.clear()
    await until(lambda: server.waiting == [collection("two", "services")])
    for _ in range(100):
        await asyncio.sleep(0)
    assert watch.served() == {"one"}
    server.may_list.set()
    await until(lambda: watch.served() == {"one", "two"})
    assert watch.store.namespaces == {"one"}, "the Service that was deleted meanwhile is not known any more"
    await until(lambda: watch.changed == ["two", "two"])
    await watch.stop()
