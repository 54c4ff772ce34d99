"""Which replica writes: the holder of a Lease, by the rules and with the numbers of client-go's leader election.

Nobody trusts another's clock. A holder counts as gone when its record has not changed for as long as it promised, by
the clock of whoever watches it. The holder itself stops earlier: `RENEW_DEADLINE` seconds after it *sent* the last
renewal that was answered. Others saw that renewal later than it was sent, so they wait for longer than it writes.
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
RENEW_DEADLINE = 10.0
RETRY_PERIOD = 2.0
_JITTER = 1.2  # of the retry period, for those who wait
_PATIENCE = RENEW_DEADLINE / 2  # for one attempt
_API = ("coordination.k8s.io", "v1")
# A process that was stopped, and a machine that slept, must find that time has passed.
MAX_TIMER_SECONDS = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


@dataclass
class LeaseRecord:
    """What one replica knows of the Lease, and what follows. Pure: `now` and `sent` are seconds of its own clock."""

    name: str
    namespace: str
    lease: Obj | None = None  # None: there is none
    record: Obj = field(default_factory=dict)  # the last known
    since: float = -math.inf  # when the record was first seen like this
    until: float = -math.inf  # before this, writes may begin

    @property
    def is_holder(self) -> bool:
        return bool(self.record.get("holderIdentity") == self.name)

    def leads(self, now: float) -> bool:
        return now < self.until

    def saw(self, lease: Obj | None, now: float) -> None:
        """The Lease was read. One that vanished still binds: whoever held it may not know yet."""
        record = (lease.get("spec") or {}) if lease else self.record
        if record != self.record or (lease is None) != (self.lease is None):
            self.since = now
        self.lease, self.record = lease, record
        if not self.is_holder:
            self.until = -math.inf

    def may_take(self, now: float) -> bool:
        """Whether the Lease is ours, nobody's, or of somebody who has not renewed it in time."""
        free = self.is_holder or not self.record.get("holderIdentity")
        return free or now >= self.since + (self.record.get("leaseDurationSeconds") or LEASE_DURATION)

    def claim(self, stamp: str) -> Obj:
        """The Lease to write, which makes us the holder; its `resourceVersion` guards against others doing the same."""
        record = {**self.record, "leaseDurationSeconds": LEASE_DURATION, "renewTime": stamp}
        if not self.is_holder:
            transitions = (self.record.get("leaseTransitions") or 0) + 1 if self.record else 0
            record.update(holderIdentity=self.name, acquireTime=stamp, leaseTransitions=transitions)
        return self._with(record)

    def took(self, lease: Obj, sent: float) -> None:
        """The claim that was `sent` then was accepted."""
        self.saw(lease, sent)
        self.until = sent + RENEW_DEADLINE

    def release(self, stamp: str) -> Obj:
        """The Lease to write so that anybody may take it at once."""
        free = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": stamp, "acquireTime": stamp}
        return self._with({**self.record, **free})

    def _with(self, record: Obj) -> Obj:
        metadata = {"name": constants.LEASE, "namespace": self.namespace}
        new = {"apiVersion": "/".join(_API), "kind": "Lease", "metadata": metadata}
        return {**(self.lease or new), "spec": record}


class LeaderElection:
    """Takes and keeps the Lease. `began` is called when this replica starts to lead, `ended` when it no longer does.

    It keeps running through outages; a term that cannot be renewed ends, and another may begin.
    """

    def __init__(self, client: Client, namespace: str, began: Callable[[], None], ended: Callable[[], None]) -> None:
        self._client, self._teller = client, EventRecorder(client)
        self._began, self._ended = began, ended
        self._candidate = LeaseRecord(f"{socket.gethostname()}_{uuid.uuid4()}", namespace)
        self._collection = resource_path(*_API, "leases", namespace)
        self._known = False  # whether the Lease is as we know it, for all we know
        self._telling: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        """Whether a write may begin at this very moment."""
        return self._candidate.leads(clock())

    async def run(self) -> None:
        """Never ends by itself."""
        logger.info("Waiting for Lease %s as %s", constants.LEASE, self._candidate.name)
        while True:
            if await self._attempt(_PATIENCE):
                await self._start_leading()
            else:
                await asyncio.sleep(RETRY_PERIOD * random.uniform(1, 1 + _JITTER))  # noqa: S311 - jitter

    async def resign(self, quiet: Callable[[], Awaitable[None]]) -> None:
        """Begin no more writes, wait until all is `quiet`, and let others take over at once; else the Lease runs out.

        `run` must have been cancelled.
        """
        self._candidate.until = -math.inf
        if not self._candidate.is_holder:
            return
        try:
            async with asyncio.timeout(_PATIENCE):
                await quiet()
                self._candidate.saw(await self._read(), clock())
                if self._candidate.is_holder:
                    await self._write(self._candidate.release(_stamp()))
                    logger.info("Released Lease %s", constants.LEASE)
                    await self._tell("stopped leading")
        except (ApiError, TimeoutError) as error:
            logger.warning("Lease %s is not released: %s", constants.LEASE, str(error) or "no time")

    async def _start_leading(self) -> None:
        """Until the Lease could not be renewed in time, or is somebody else's."""
        logger.info("Leading: holding Lease %s as %s", constants.LEASE, self._candidate.name)
        self._telling = asyncio.create_task(self._tell("became leader"))
        self._began()
        while self.leads:
            await asyncio.sleep(min(RETRY_PERIOD, self._left))
            if self.leads:
                await self._attempt(min(_PATIENCE, self._left))
        self._ended()
        self._known = False
        why = "could not be renewed in time" if self._candidate.is_holder else "was taken by another"
        logger.warning("Not leading any more: Lease %s %s", constants.LEASE, why)

    @property
    def _left(self) -> float:
        return self._candidate.until - clock()

    async def _attempt(self, patience: float) -> bool:
        """Take or renew the Lease if we may; whether we lead."""
        try:
            async with asyncio.timeout(patience):
                await self._take()
        except (ApiError, TimeoutError) as error:
            logger.warning("Lease %s: %s", constants.LEASE, str(error) or "no answer")
        return self.leads

    async def _take(self) -> None:
        me, known, self._known = self._candidate, self._known, False
        if not known:
            me.saw(await self._read(), clock())
        if me.may_take(clock()):
            sent = clock()
            me.took(await self._write(me.claim(_stamp())), sent)
            self._known = True

    async def _read(self) -> Obj | None:
        return await self._client.get_or_none(f"{self._collection}/{constants.LEASE}")

    async def _write(self, lease: Obj) -> Obj:
        """Raises ApiError 409 where the Lease is not what we took it for."""
        if "resourceVersion" in lease["metadata"]:
            return await self._client.request("PUT", f"{self._collection}/{constants.LEASE}", body=lease)
        return await self._client.request("POST", self._collection, body=lease)

    async def _tell(self, what: str) -> None:
        assert self._candidate.lease
        told = Problem("operator", Reason.LEADER_ELECTION, f"{self._candidate.name} {what}")
        await self._teller.event(self._candidate.lease, told)


def clock() -> float:
    """Seconds, for differences."""
    return time.clock_gettime(MAX_TIMER_SECONDS)


def _stamp() -> str:
    """The time of day, for people who read the record."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
