"""The leadership terms of one replica: their begin and end.

test_lease_record.py has the rules of the Lease itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube import leader_election
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.kube.leader_election import RENEW_DEADLINE, LeaderElection
from tests.unit.api_server import ApiServer
from tests.unit.kube.leases import held, lease

PATH = f"/apis/coordination.k8s.io/v1/namespaces/ops/leases/{constants.LEASE}"
NAME = "Lease ops/d696d7ab.redhat.com"
UNREACHABLE = ApiError(503, "ServiceUnavailable", "no route to host")


class RunningReplica:
    """A replica with a clock that advances only while it sleeps.

    Attributes:
        calls: `started` and `stopped`, in order.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server, self.calls, self.now = ApiServer(), list[str](), 1000.0
        self.election = LeaderElection(
            self.server, "ops", lambda: self.calls.append("started"), lambda: self.calls.append("stopped")
        )
        self._sleep = asyncio.sleep
        monkeypatch.setattr(leader_election, "clock", lambda: self.now)
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await self._sleep(0)

    def refuse(self, *methods: str) -> None:
        self.server.hook = lambda method, path, _: UNREACHABLE if method in methods and "/leases" in path else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.election.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def until(self, is_reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not is_reached():
                await self._sleep(0)

    def holder(self) -> Any:
        stored = self.server.find(PATH)
        return stored and stored["spec"]["holderIdentity"]

    def put_other_holder(self) -> None:
        stored = self.server.find(PATH) or lease()
        self.server.put(PATH, {**stored, "spec": held()["spec"]})


@pytest.fixture
def replica(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> RunningReplica:
    caplog.set_level(logging.INFO)
    return RunningReplica(monkeypatch)


def events(replica: RunningReplica) -> list[Any]:
    return [obj for path, obj in replica.server._objects.items() if path.plural == "events"]


async def no_writes() -> None:
    """Return at once: no write is in flight."""


async def test_a_term_begins_and_is_released(replica: RunningReplica, caplog: pytest.LogCaptureFixture) -> None:
    async with replica.running():
        await replica.until(lambda: "started" in replica.calls)
        identity = replica.holder()
        assert replica.election.leads
        await replica.until(lambda: bool(events(replica)))
    await replica.election.release(no_writes)
    assert not replica.election.leads
    assert replica.holder() == ""
    assert caplog.messages == [
        f"Waiting for leadership: Lease ops/d696d7ab.redhat.com, identity {identity}",
        f"Became leader: Lease ops/d696d7ab.redhat.com, identity {identity}",
        f"Released {NAME}",
    ]
    recorded = events(replica)
    assert [(each["reason"], each["message"]) for each in recorded] == [
        ("LeaderElection", f"{identity} became leader"),
        ("LeaderElection", f"{identity} stopped leading"),
    ]


async def test_a_failed_renewal_ends_the_term_until_the_lease_is_acquired_again(
    replica: RunningReplica, caplog: pytest.LogCaptureFixture
) -> None:
    async with replica.running():
        await replica.until(lambda: "started" in replica.calls)
        replica.refuse("PUT", "GET")
        began = replica.now
        await replica.until(lambda: "stopped" in replica.calls)
        assert not replica.election.leads
        assert RENEW_DEADLINE - 2 <= replica.now - began <= RENEW_DEADLINE
        replica.server.hook = None
        await replica.until(lambda: replica.calls.count("started") == 2)
    assert replica.calls[:3] == ["started", "stopped", "started"]
    assert f"Lost leadership: {NAME} was not renewed in time. This replica stops writing" in caplog.messages


async def test_another_holder_ends_the_term_at_once(replica: RunningReplica, caplog: pytest.LogCaptureFixture) -> None:
    async with replica.running():
        await replica.until(lambda: "started" in replica.calls)
        replica.put_other_holder()
        began = replica.now
        await replica.until(lambda: "stopped" in replica.calls)
        assert replica.now - began < RENEW_DEADLINE
    assert (
        "Lost leadership: Lease ops/d696d7ab.redhat.com is held by another replica. This replica stops writing"
        in caplog.messages
    )
    requests = len(replica.server.requests)
    await replica.election.release(no_writes)
    assert (len(replica.server.requests), replica.holder()) == (requests, "other")


async def test_a_failed_attempt_is_logged(replica: RunningReplica, caplog: pytest.LogCaptureFixture) -> None:
    replica.refuse("GET")
    async with replica.running():
        await replica.until(lambda: len(caplog.messages) > 1)
    expected = "Lease ops/d696d7ab.redhat.com was not acquired or renewed, retrying: no route to host"
    assert caplog.messages[1] == expected
    assert replica.calls == []


async def never() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("refused", "wait_idle", "cause"), [(("GET",), no_writes, "no route to host"), ((), never, "timed out")]
)
async def test_a_lease_that_is_not_released_expires(
    replica: RunningReplica,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    refused: tuple[str, ...],
    wait_idle: Callable[[], Awaitable[None]],
    cause: str,
) -> None:
    async with replica.running():
        await replica.until(lambda: "started" in replica.calls)
    replica.refuse(*refused)
    monkeypatch.setattr(leader_election, "ATTEMPT_TIMEOUT", 0.01)
    await replica.election.release(wait_idle)
    assert not replica.election.leads
    assert replica.holder() != ""
    assert caplog.messages[-1] == (
        f"Lease ops/d696d7ab.redhat.com was not released: {cause}. Another replica becomes leader when it expires, "
        "after 15 s"
    )


async def test_a_lease_of_another_replica_is_not_released(replica: RunningReplica) -> None:
    async with replica.running():
        await replica.until(lambda: "started" in replica.calls)
    replica.put_other_holder()
    await replica.election.release(no_writes)
    assert replica.holder() == "other"
