"""The record of the Lease: for any delays, lost messages and clocks there is at most one leader, and soon one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cryostat_operator.kube.leader_election import LEASE_DURATION, RENEW_DEADLINE, LeaseRecord
from tests.unit.kube.leases import STAMP, Lease, held, lease


def candidate(seen: Lease | None = None, now: float = 0.0) -> LeaseRecord:
    made = LeaseRecord("me", "n")
    made.observe(seen, now)
    return made


@pytest.mark.parametrize("free", [None, lease(), held(""), lease(holderIdentity=None)], ids=str)
def test_a_free_lease_is_acquired_at_once(free: Lease | None) -> None:
    assert candidate(free).can_acquire(0.0)


@pytest.mark.parametrize("seconds", [15, 137])
def test_a_holder_is_respected_until_its_lease_expires(seconds: int) -> None:
    me = candidate(held(seconds=seconds), now=1000.0)
    assert not me.can_acquire(1000.0 + seconds - 0.001)
    assert me.can_acquire(1000.0 + seconds)


def test_a_holder_without_a_duration_is_respected_for_the_default_duration() -> None:
    me = candidate(held(seconds=None))
    assert not me.can_acquire(LEASE_DURATION - 0.001)


def test_a_renewal_is_valid_from_the_time_of_its_observation() -> None:
    me = candidate(held(), now=0.0)
    me.observe(held() | {"spec": {**held()["spec"], "renewTime": "2030-01-01T00:00:02.000000Z"}}, now=14.0)
    assert not me.can_acquire(28.0)
    assert me.can_acquire(29.0)


def test_other_changes_of_the_lease_are_not_renewals() -> None:
    """Another client labels the Lease repeatedly. The Lease expires."""
    me = candidate(held(), now=0.0)
    me.observe({**held(), "metadata": {"resourceVersion": "2", "labels": {"a": "b"}}}, now=14.0)
    assert me.can_acquire(15.0)


@pytest.mark.parametrize("stamp", ["1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"])
def test_the_clock_of_the_holder_is_ignored(stamp: str) -> None:
    me = candidate(held() | {"spec": {**held()["spec"], "renewTime": stamp}})
    assert not me.can_acquire(14.0)
    assert me.can_acquire(15.0)


def test_a_deleted_lease_is_respected_by_replicas_that_observed_it() -> None:
    me = candidate(held(), now=0.0)
    me.observe(None, now=10.0)
    me.observe(None, now=20.0)
    assert not me.can_acquire(24.9)
    assert me.can_acquire(25.0)
    assert "resourceVersion" not in me.acquire(STAMP)["metadata"]


def test_a_replica_that_loses_the_lease_stops_at_once() -> None:
    me = candidate()
    me.confirm(me.acquire(STAMP) | lease(holderIdentity="me"), sent=0.0)
    assert me.leads(5.0)
    me.observe(held(), now=5.0)
    assert not me.leads(5.0)


def test_writes_end_before_the_lease_counted_from_the_request() -> None:
    me = candidate()
    me.confirm(lease(holderIdentity="me"), sent=100.0)
    assert me.leads(100.0 + RENEW_DEADLINE - 0.001)
    assert not me.leads(100.0 + RENEW_DEADLINE)
    assert RENEW_DEADLINE < LEASE_DURATION


def test_the_record_has_the_format_of_client_go() -> None:
    me = candidate()
    first = me.acquire("t0")
    assert first["spec"] == {
        "holderIdentity": "me", "leaseDurationSeconds": 15, "leaseTransitions": 0,
        "acquireTime": "t0", "renewTime": "t0",
    }  # fmt: skip
    me.confirm({**first, "metadata": {**first["metadata"], "resourceVersion": "1"}}, sent=0.0)
    renewed = me.acquire("t1")
    assert renewed["spec"] == {**first["spec"], "renewTime": "t1"}
    assert renewed["metadata"]["resourceVersion"] == "1"
    freed = me.release("t2")
    assert (freed["spec"]["holderIdentity"], freed["spec"]["leaseDurationSeconds"]) == ("", 1)
    other = LeaseRecord("other", "n")
    other.observe(freed, 0.0)
    assert other.acquire("t3")["spec"] == {
        "holderIdentity": "other", "leaseDurationSeconds": 15, "leaseTransitions": 1,
        "acquireTime": "t3", "renewTime": "t3",
    }  # fmt: skip


def test_fields_of_other_clients_in_the_lease_are_kept() -> None:
    found = held(seconds=15, leaseTransitions=4, strategy="x")
    found["metadata"]["labels"] = {"a": "b"}
    me = candidate(found)
    claim = me.acquire(STAMP)
    assert claim["metadata"] == found["metadata"]
    assert (claim["spec"]["strategy"], claim["spec"]["leaseTransitions"]) == ("x", 5)


# --- random sequences of events --------------------------------------------------------------------------------------


@dataclass
class ApiServer:
    """Accepts a write only with the current version."""

    lease: Lease | None = None
    version: int = 0

    def write(self, claim: Lease) -> Lease | None:
        known = claim["metadata"].get("resourceVersion")
        if known != (self.lease["metadata"]["resourceVersion"] if self.lease else None):
            return None
        self.version += 1
        self.lease = {**claim, "metadata": {**claim["metadata"], "resourceVersion": str(self.version)}}
        return self.lease


@dataclass
class Replica:
    """One process with its clock and its current request. Each `step` advances the request."""

    number: int
    rate: float
    lives: int = 0
    candidate: LeaseRecord = field(init=False)
    stage: str = "idle"
    lease: Any = None
    sent: float = 0.0

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """The process is killed and started again."""
        self.lives += 1
        self.candidate, self.stage = LeaseRecord(f"{self.number}.{self.lives}", "n"), "idle"

    def clock(self, time: float) -> float:
        return 1000.0 * self.number + self.rate * time

    def step(self, server: ApiServer, time: float, *, lost: bool) -> None:
        now, me = self.clock(time), self.candidate
        if lost and self.stage != "idle":
            self.stage = "idle"
        elif self.stage == "idle":
            self.stage = "reading"
        elif self.stage == "reading":  # the request arrives at the API server
            self.lease, self.stage = server.lease, "read"
        elif self.stage == "read":  # the response arrives
            me.observe(self.lease, now)
            self.stage = "idle"
            if me.can_acquire(now):
                self.lease, self.sent, self.stage = me.acquire(str(time)), now, "writing"
        elif self.stage == "writing":
            self.lease = server.write(self.lease)
            self.stage = "written"
        elif self.stage == "written":
            self.stage = "idle"
            if self.lease is not None:
                me.confirm(self.lease, self.sent)
                self.lease, self.sent, self.stage = me.acquire(str(time)), now, "writing"

    def act(self, action: str, server: ApiServer, time: float) -> None:
        if action == "kill":
            self.begin()
        elif action == "release":
            self.release(server, time)
        else:
            for _ in range(5 if action == "attempt" else 1):
                self.step(server, time, lost=action == "lost")

    def release(self, server: ApiServer, time: float) -> None:
        """Stop cleanly, with or without the response to the current request."""
        self.candidate.leads_until = float("-inf")
        self.candidate.observe(server.lease, self.clock(time))
        if self.candidate.is_holder:
            server.write(self.candidate.release(str(time)))
        self.begin()


# Either a whole attempt without delay, or one step of it. The next step may happen much later.
ACTIONS = st.sampled_from(["attempt"] * 12 + ["step"] * 6 + ["lost", "kill", "release"])
WAITS = st.sampled_from([0.0, 2.0, 9.0, 15.0, 40.0])
COURSES = st.lists(st.tuples(WAITS, st.integers(0, 1), ACTIONS), max_size=40)
RATES = st.lists(st.sampled_from([1.0, 0.9, 1.1]), min_size=2, max_size=2)


def replicas_after(
    course: list[tuple[float, int, str]],
    rates: list[float],
    check: Callable[[list[Replica], float], None] = lambda *_: None,
) -> tuple[ApiServer, list[Replica], float]:
    """Run a sequence of events, with a call of `check` after each.

    Returns:
        The API server, the replicas and the time at the end.
    """
    server, time = ApiServer(), 0.0
    replicas = [Replica(number, rate) for number, rate in enumerate(rates)]
    for wait, number, action in course:
        time += wait
        replicas[number].act(action, server, time)
        check(replicas, time)
    return server, replicas, time


@settings(max_examples=300, deadline=None)
@example([(0.0, 0, "attempt"), (0.0, 1, "attempt"), (15.0, 1, "attempt")], [0.9, 1.1])
@given(COURSES, RATES)
def test_at_most_one_replica_leads(course: list[tuple[float, int, str]], rates: list[float]) -> None:
    """This holds for any delays, lost messages, stopped processes and drifting clocks."""

    def at_most_one_leads(replicas: list[Replica], time: float) -> None:
        leading = [r.candidate.name for r in replicas if r.candidate.leads(r.clock(time))]
        assert len(leading) <= 1, leading

    replicas_after(course, rates, at_most_one_leads)


@settings(max_examples=100, deadline=None)
@given(COURSES, RATES)
def test_one_replica_leads_soon_after_any_failure(course: list[tuple[float, int, str]], rates: list[float]) -> None:
    server, [survivor, *_], time = replicas_after(course, rates)
    for _ in range(2 * LEASE_DURATION):
        time += 1.0
        for _ in range(4):
            survivor.step(server, time, lost=False)
    assert survivor.candidate.leads(survivor.clock(time))
