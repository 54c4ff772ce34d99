"""Applies changes: writes them concurrently, within limits, and returns one outcome for each."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable

from ..kube.client import Client
from ..kube.errors import ApiError
from ..observe.owned_objects import OwnedObjects
from ..plan.diff.plan_diff import Change
from ..plan.model.kinds import InstanceKey
from ..plan.model.reasons import Reason
from . import refusals
from .outcomes import Outcome, refused
from .reverted_changes import RevertedChanges
from .secret_provider import SecretContent, SecretProvider
from .write_limiter import WriteLimiter
from .writer import Writer

logger = logging.getLogger(__name__)

# Of the whole operator. An API server with two cores is saturated by a third of that; larger ones are faster with more.
MAX_CONCURRENT_WRITES = 48
MAX_CONCURRENT_WRITES_PER_INSTANCE = 16
# An instance whose writes are slow, for example because a policy webhook hangs, must not take all slots.
SLOW_WRITE_SECONDS = 2.0
MAX_CONCURRENT_WRITES_SLOW = 2

LOG_VERBS = {"create": "Created", "replace": "Updated", "recreate": "Deleted for re-creation", "delete": "Deleted"}


class Applier:
    """Applies the changes of an instance. Calls for several instances may run at the same time."""

    def __init__(self, client: Client, owned: OwnedObjects) -> None:
        self._client = client
        self._owned = owned
        self._writer = Writer(client, owned)
        self._limiter = WriteLimiter()
        self.reverted_changes = RevertedChanges()
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_WRITES)
        self._slow: set[InstanceKey] = set()

    async def apply(self, instance_key: InstanceKey, changes: Iterable[Change]) -> list[Outcome]:
        """Write the changes that the write limiter allows.

        Returns:
            One outcome for each change.
        """
        changes = list(changes)
        held = self._limiter.held(instance_key, changes)
        held_keys = {outcome.change.key for outcome in held}
        deleted = self._owned.deletions.by_others(instance_key)
        written = await self.write_all(instance_key, [change for change in changes if change.key not in held_keys])
        outcomes = self.reverted_changes.record(instance_key, self._limiter.record(instance_key, written), deleted)
        for outcome in outcomes:
            if outcome.change.event and outcome.change.event.reason == Reason.CHANGE_REVERTED:
                logger.info("%s", outcome.change.event.message)
        return [*held, *outcomes]

    async def write_all(self, instance_key: InstanceKey, changes: Iterable[Change]) -> list[Outcome]:
        """Write all changes concurrently, without the write limiter. Errors become outcomes."""
        changes = list(changes)
        slots = asyncio.Semaphore(
            MAX_CONCURRENT_WRITES_SLOW if instance_key in self._slow else MAX_CONCURRENT_WRITES_PER_INSTANCE
        )
        self._slow.discard(instance_key)  # a slow write adds it again
        secrets = SecretProvider(self._client, changes)
        try:
            return list(
                await asyncio.gather(*(self._write(instance_key, change, secrets, slots) for change in changes))
            )
        finally:
            await secrets.close()

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget a deleted instance."""
        self._writer.recreated_secrets.forget(instance_key)
        self._limiter.forget(instance_key)
        self.reverted_changes.forget(instance_key)
        self._slow.discard(instance_key)

    async def wait_idle(self) -> None:
        """Wait for the writes that continue when their reconcile is canceled."""
        await self._writer.recreated_secrets.wait_idle()

    def reset(self) -> None:
        """Forget what was found out about writes in an earlier leadership term."""
        self._limiter.reset()
        self.reverted_changes.reset()
        self._slow.clear()

    async def _write(
        self, instance_key: InstanceKey, change: Change, secrets: SecretProvider, slots: asyncio.Semaphore
    ) -> Outcome:
        try:
            prepared = await secrets.prepare(change)
            content = SecretContent(change.request, prepared)
            async with slots, self._slots:
                outcome = await self._timed_write(instance_key, change, content)
        except ApiError as error:
            return refusals.outcome_of(change, error)
        except Exception as error:
            logger.exception("Internal error while writing %s", change.key)
            return refused(
                change,
                Reason.INTERNAL_ERROR,
                f"{change.key}: internal error of the operator ({type(error).__name__}). "
                "Report it with the operator's log to the maintainers of the operator.",
            )
        if outcome.state == "applied":
            logger.info("%s %s", LOG_VERBS[change.verb], change.key)
        return outcome

    async def _timed_write(self, instance_key: InstanceKey, change: Change, content: SecretContent) -> Outcome:
        started = time.monotonic()
        try:
            return await self._writer.write(instance_key, change, content)
        finally:
            if time.monotonic() - started > SLOW_WRITE_SECONDS:
                self._slow.add(instance_key)
