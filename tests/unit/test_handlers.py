"""kopf's handlers and settings."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, cast

import pytest

from cryostat_operator import handlers
from cryostat_operator.kube.connection import Connection
from cryostat_operator.kube.kopf_import import APINotFoundError, kopf
from cryostat_operator.runtime import Operator
from cryostat_operator.settings import Settings


class FakeCryostats:
    """Records events."""

    def __init__(self) -> None:
        self.events: list[tuple[str | None, dict[str, Any]]] = []

    def handle_event(self, event: str | None, obj: dict[str, Any]) -> None:
        self.events.append((event, obj))


class FakeOperator:
    """An operator whose parts do nothing."""

    def __init__(self) -> None:
        self.cryostats = FakeCryostats()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.calls: list[str] = []

    async def start(self) -> None:
        self.calls.append("start")

    async def stop(self) -> None:
        self.calls.append("stop")

    async def wait_until_served(self) -> None:
        self.calls.append("wait_until_served")


async def registered() -> tuple[FakeOperator, kopf.OperatorRegistry]:
    operator, registry = FakeOperator(), kopf.OperatorRegistry()
    handlers.register(cast(Operator, operator), registry)
    return operator, registry


async def test_every_event_of_a_cryostat_goes_to_the_store() -> None:
    operator, registry = await registered()
    [handler] = registry._watching._handlers
    selector = cast(Any, handler.selector)
    assert (selector.group, selector.version, selector.any_name) == ("operator.cryostat.io", "v1beta2", "cryostats")
    body = {"metadata": {"name": "x"}}
    await cast(Any, handler.fn)(event={"type": "ADDED", "object": body}, memo=None)
    assert operator.cryostats.events == [("ADDED", body)]


async def test_cleanup_stops_the_operator() -> None:
    operator, registry = await registered()
    [cleanup] = [h for h in registry._activities._handlers if h.activity and h.activity.value == "cleanup"]
    await cast(Any, cleanup.fn)(memo=None)
    assert operator.calls == ["stop"]


async def test_kopf_logs_short_names_of_handlers() -> None:
    _, registry = await registered()
    names = {str(handler.id) for handler in (*registry._activities._handlers, *registry._watching._handlers)}
    assert names == {"login", "cryostat", "cleanup"}


async def test_kopf_uses_the_operators_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[object] = []

    class FakeConnection:
        def for_kopf(self, ttl: object) -> str:
            given.append(ttl)
            return "credentials"

    async def connect() -> Connection:
        return cast(Connection, FakeConnection())

    monkeypatch.setattr(handlers, "connect", connect)
    _, registry = await registered()
    [login] = [h for h in registry._activities._handlers if h.activity and h.activity.value == "authentication"]
    assert await cast(Any, login.fn)(memo=None) == "credentials"
    assert given == [handlers.CREDENTIALS_TTL]
    assert login.backoff == handlers.LOGIN_RETRY_SECONDS, "a login that failed is repeated soon"


def test_kopf_writes_nothing_to_the_cluster() -> None:
    settings = handlers.kopf_settings()
    assert settings.watching.chunk_size == 10  # objects of 1.5 MiB are decoded together
    assert settings.peering.standalone
    assert settings.scanning.disabled
    assert not settings.posting.enabled
    assert isinstance(settings.persistence.diffbase_storage, handlers.NoDiffBase)


def test_kopf_retries_during_an_outage_of_any_length() -> None:
    delays = list(itertools.islice(handlers.kopf_settings().networking.error_backoffs, 1000))  # type: ignore[arg-type]
    assert len(delays) == 1000
    assert delays[0] < 0.3
    assert max(delays) <= 6.0
    assert min(delays[10:]) >= 4.0


def test_kopf_stores_no_earlier_state() -> None:
    storage = handlers.NoDiffBase()
    body = kopf.Body({"spec": {"large": "x"}})
    patch = kopf.Patch()
    assert storage.build(body=body) == {}
    storage.store(body=body, patch=patch, essence=kopf.BodyEssence({}))
    assert not patch
    assert storage.fetch(body=body) is None


async def run_until(operator: FakeOperator, watch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def create(*_: object) -> FakeOperator:
        return operator

    monkeypatch.setattr(Operator, "create", create)
    monkeypatch.setattr(handlers, "_watch", watch)
    await handlers.run(Settings(), "127.0.0.1", 0, 0)


async def test_a_missing_definition_ends_the_operator_with_a_separate_error(monkeypatch: pytest.MonkeyPatch) -> None:
    async def watch(_: object) -> None:
        raise APINotFoundError("gone", status=404, headers={})

    operator = FakeOperator()
    with pytest.raises(handlers.CrdNotServedError) as error:
        await run_until(operator, watch, monkeypatch)
    assert str(error.value) == (
        "The API server no longer serves CustomResourceDefinition cryostats.operator.cryostat.io, "
        "so the operator restarts and waits for it. Install the CustomResourceDefinition again"
    )
    assert operator.calls == ["start", "wait_until_served", "stop"]


async def test_a_failed_background_task_ends_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = FakeOperator()

    async def watch(_: object) -> None:
        operator.failure.set_exception(RuntimeError("broken"))
        await asyncio.sleep(60)

    with pytest.raises(RuntimeError, match="broken"):
        await run_until(operator, watch, monkeypatch)
    assert operator.calls[-1] == "stop"


async def test_a_failure_before_cryostats_are_served_ends_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    operator = FakeOperator()

    async def wait_until_served() -> None:
        operator.failure.set_exception(RuntimeError("broken"))
        await asyncio.sleep(60)

    monkeypatch.setattr(operator, "wait_until_served", wait_until_served)
    with pytest.raises(RuntimeError, match="broken"):
        async with asyncio.timeout(60):
            await run_until(operator, None, monkeypatch)
    assert operator.calls == ["start", "stop"]
