"""Leader election with a Lease, by the rules and with the durations of client-go.

No replica relies on the clock of another one. The Lease counts as expired when its record has not changed for
`leaseDurationSeconds`, measured by the observer's own clock. The holder stops writing earlier: `RENEW_DEADLINE` seconds
after it *sent* its last successful renewal. Other replicas observe a renewal only after it was sent, so they wait for
longer than the holder writes.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import math
import random
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ..api import constants
from ..plan.model.kinds import Obj, resource_path
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from .client import Client
from .errors import ApiError
from .events import EventRecorder

logger = logging.getLogger(__name__)

LEASE_DURATION = 15  # seconds
RENEW_DEADLINE = 10.0  # seconds
RETRY_PERIOD = 2.0  # seconds
JITTER_FACTOR = 1.2  # of the retry period of a replica that waits for the Lease
ATTEMPT_TIMEOUT = RENEW_DEADLINE / 2  # seconds
_API = ("coordination.k8s.io", "v1")
# A clock that also advances while the machine is suspended, where there is one.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass
class LeaseRecord:
    """The Lease as one replica observed it, and its decisions. No I/O and no clock: times are arguments.

    Attributes:
        name: identity of this replica.
        namespace: of the Lease.
        lease: the Lease as last read; None if it does not exist.
        record: the last spec of the Lease that was read.
        observed_at: time at which this spec was first read, in seconds of this replica's clock.
        leads_until: time from which this replica must not start a write, in seconds of its clock.
    """

    name: str
    namespace: str
    lease: Obj | None = None
    record: Obj = field(default_factory=dict)
    observed_at: float = -math.inf
    leads_until: float = -math.inf

    @property
    def is_holder(self) -> bool:
        """Whether the Lease names this replica as its holder."""
        return bool(self.record.get("holderIdentity") == self.name)

    def leads(self, now: float) -> bool:
        """Return whether this replica may start a write at this time."""
        return now < self.leads_until

    def observe(self, lease: Obj | None, now: float) -> None:
        """Take in the Lease as read at `now`; None if it does not exist.

        A deleted Lease keeps its record: the holder may not have noticed the deletion yet.
        """
        record = (lease.get("spec") or {}) if lease else self.record
        if record != self.record or (lease is None) != (self.lease is None):
            self.observed_at = now
        self.lease, self.record = lease, record
        if not self.is_holder:
            self.leads_until = -math.inf

    def can_acquire(self, now: float) -> bool:
        """Return whether this replica holds the Lease, no replica holds it, or it has expired."""
        free = self.is_holder or not self.record.get("holderIdentity")
        return free or now >= self.observed_at + (self.record.get("leaseDurationSeconds") or LEASE_DURATION)

    def acquire(self, stamp: str) -> Obj:
        """Return the Lease to write in order to acquire or renew it.

        Its `resourceVersion` makes the write fail if another replica wrote the Lease in the meantime.

        Args:
            stamp: the time of day, for `renewTime`.
        """
        record = {**self.record, "leaseDurationSeconds": LEASE_DURATION, "renewTime": stamp}
        if not self.is_holder:
            transitions = (self.record.get("leaseTransitions") or 0) + 1 if self.record else 0
            record.update(holderIdentity=self.name, acquireTime=stamp, leaseTransitions=transitions)
        return self._lease_with(record)

    def confirm(self, lease: Obj, sent: float) -> None:
        """Take in the response to a write of the Lease that was sent at this time."""
        self.observe(lease, sent)
        self.leads_until = sent + RENEW_DEADLINE

    def release(self, stamp: str) -> Obj:
        """Return the Lease to write so that another replica can acquire it at once."""
        free = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": stamp, "acquireTime": stamp}
        return self._lease_with({**self.record, **free})

    def _lease_with(self, record: Obj) -> Obj:
        metadata = {"name": constants.LEASE, "namespace": self.namespace}
        new = {"apiVersion": "/".join(_API), "kind": "Lease", "metadata": metadata}
        return {**(self.lease or new), "spec": record}


class LeaderElection:
    """Acquires and renews the Lease.

    It continues through outages: a term that cannot be renewed ends, and another one may follow.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        on_started_leading: Callable[[], None],
        on_stopped_leading: Callable[[], None],
    ) -> None:
        self._client, self._events = client, EventRecorder(client)
        self._on_started_leading, self._on_stopped_leading = on_started_leading, on_stopped_leading
        self._record = LeaseRecord(f"{socket.gethostname()}_{uuid.uuid4()}", namespace)
        self._lease = f"{namespace}/{constants.LEASE}"  # for messages
        self._collection = resource_path(*_API, "leases", namespace)
        self._lease_is_current = False  # no other replica is known to have written the Lease since it was read
        self._event_task: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        """Whether this replica may start a write now."""
        return self._record.leads(clock())

    async def run(self) -> None:
        """Wait for the Lease and renew it, until canceled."""
        logger.info("Waiting for leadership: Lease %s, identity %s", self._lease, self._record.name)
        while True:
            if await self._attempt(ATTEMPT_TIMEOUT):
                await self._lead()
            else:
                await asyncio.sleep(RETRY_PERIOD * random.uniform(1, 1 + JITTER_FACTOR))  # noqa: S311 - jitter

    async def release(self, wait_idle: Callable[[], Awaitable[None]]) -> None:
        """Start no more writes, wait for those in flight, and release the Lease. If that fails, the Lease expires.

        `run` must have been canceled.

        Args:
            wait_idle: returns when no write is in flight.
        """
        self._record.leads_until = -math.inf
        if not self._record.is_holder:
            return
        try:
            async with asyncio.timeout(ATTEMPT_TIMEOUT):
                await wait_idle()
                self._record.observe(await self._read(), clock())
                if self._record.is_holder:
                    await self._write(self._record.release(_time_of_day()))
                    logger.info("Released Lease %s", self._lease)
                    await self._record_event("stopped leading")
        except (ApiError, TimeoutError) as error:
            text = "Lease %s was not released: %s. Another replica becomes leader when it expires, after %s s"
            logger.warning(text, self._lease, str(error) or "timed out", LEASE_DURATION)

    async def _lead(self) -> None:
        """Lead until the Lease is not renewed in time or another replica holds it."""
        logger.info("Became leader: Lease %s, identity %s", self._lease, self._record.name)
        self._event_task = asyncio.create_task(self._record_event("became leader"))
        self._on_started_leading()
        while self.leads:
            await asyncio.sleep(min(RETRY_PERIOD, self._time_left))
            if self.leads:
                await self._attempt(min(ATTEMPT_TIMEOUT, self._time_left))
        self._on_stopped_leading()
        self._lease_is_current = False
        reason = "was not renewed in time" if self._record.is_holder else "is held by another replica"
        logger.warning("Lost leadership: Lease %s %s. This replica stops writing", self._lease, reason)

    @property
    def _time_left(self) -> float:
        return self._record.leads_until - clock()

    async def _attempt(self, timeout: float) -> bool:  # noqa: ASYNC109 - shorter near the deadline
        """Acquire or renew the Lease if possible. Returns whether this replica leads."""
        try:
            async with asyncio.timeout(timeout):
                await self._acquire_or_renew()
        except (ApiError, TimeoutError) as error:
            text = "Lease %s was not acquired or renewed, retrying: %s"
            logger.warning(text, self._lease, str(error) or "timed out")
        return self.leads

    async def _acquire_or_renew(self) -> None:
        record, is_current, self._lease_is_current = self._record, self._lease_is_current, False
        if not is_current:
            record.observe(await self._read(), clock())
        if record.can_acquire(clock()):
            sent = clock()
            record.confirm(await self._write(record.acquire(_time_of_day())), sent)
            self._lease_is_current = True

    async def _read(self) -> Obj | None:
        return await self._client.get_or_none(f"{self._collection}/{constants.LEASE}")

    async def _write(self, lease: Obj) -> Obj:
        """Create or replace the Lease. Raises ApiError with status 409 if another replica wrote it since the read."""
        if "resourceVersion" in lease["metadata"]:
            return await self._client.request("PUT", f"{self._collection}/{constants.LEASE}", body=lease)
        return await self._client.request("POST", self._collection, body=lease)

    async def _record_event(self, action: str) -> None:
        assert self._record.lease
        event = Problem("operator", Reason.LEADER_ELECTION, f"{self._record.name} {action}")
        await self._events.record(self._record.lease, event)


def clock() -> float:
    """Return seconds of a clock that never goes back, for differences."""
    return time.clock_gettime(_CLOCK)


def _time_of_day() -> str:
    """Return the time of day for the record, which other tools show."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
