"""A work queue: one reconcile at a time per key, merged triggers, exponential backoff of failed keys."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..fair_slots import FairSlots

K = TypeVar("K", bound=Hashable)

BASE_DELAY_SECONDS = 0.2  # until the first retry of a failed key
MAX_DELAY_SECONDS = 30.0  # most causes of refused writes cannot be watched, so retries continue at this rate
MIN_INTERVAL_SECONDS = 0.1  # between two reconciles of one key, so that a burst of events becomes one reconcile
# Added to each delay, once per running key. Keys without a delay, such as those of new Cryostats, then come first.
DELAY_PER_RUNNING_KEY_SECONDS = 0.02
SOON_SECONDS = 10.0  # keys that are due later, such as for the renewal of a certificate, do not count as queued
MAX_CONCURRENT_RECONCILES = 24  # they mostly wait for the API server; each holds half a MiB of plan and live objects

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """The result of one reconcile.

    Attributes:
        requeue_after: seconds until the key is reconciled again; None if only an event enqueues it again.
        failed: whether the key is retried with exponential backoff instead.
    """

    requeue_after: float | None = None
    failed: bool = False


class WorkQueue(Generic[K]):
    """Calls `reconcile(key)` once for each enqueued key, however often it was enqueued before.

    The key is reconciled again after `Result.requeue_after` seconds. Failed keys are retried with exponential backoff
    and jitter. An exception counts as a failure.
    """

    def __init__(
        self, reconcile: Callable[[K], Awaitable[Result]], group: Callable[[K], Hashable] = lambda key: key
    ) -> None:
        """`group` returns the group of a key. If more keys are due than can run, the groups take turns."""
        self._reconcile = reconcile
        self._group = group
        self._running: set[K] = set()
        self._requeued: dict[K, float] = {}  # keys enqueued during their run, and the delay after it
        self._timers: dict[K, tuple[float, asyncio.Handle]] = {}  # time when due, and handle to cancel
        self._failures: dict[K, tuple[int, float]] = {}  # failures in a row, and time of the next retry
        self._last_end: dict[K, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = FairSlots(MAX_CONCURRENT_RECONCILES)
        self._open = False
        self._pending: set[K] = set()  # enqueued before the queue was opened

    @property
    def depth(self) -> int:
        """Keys that are running, or due within `SOON_SECONDS`."""
        count = len(self._running) + len(self._pending)
        if self._timers:
            soon = asyncio.get_running_loop().time() + SOON_SECONDS
            count += sum(due <= soon for due, _ in self._timers.values())
        return count

    def open(self) -> None:
        """Start to reconcile, beginning with the keys that were enqueued before."""
        self._open = True
        pending, self._pending = self._pending, set()
        for key in pending:
            self.enqueue(key)

    def close(self) -> None:
        """Cancel all reconciles and drop all keys. The queue may be opened again; keys must be enqueued again then."""
        self._open = False
        self._requeued.clear()
        # A task that is canceled before it starts does not remove its key.
        self._running = set()
        for _, handle in self._timers.values():
            handle.cancel()
        self._timers.clear()
        for task in self._tasks:
            task.cancel()

    def enqueue(self, key: K) -> None:
        """Reconcile `key` now, or after its running reconcile."""
        if not self._open:
            self._pending.add(key)
        elif key in self._running:
            self._requeued[key] = MIN_INTERVAL_SECONDS
        else:
            now = asyncio.get_running_loop().time()
            self._schedule(key, max(0.0, self._last_end.get(key, -MIN_INTERVAL_SECONDS) + MIN_INTERVAL_SECONDS - now))

    def enqueue_after(self, key: K, delay: float) -> None:
        """Reconcile `key` once after `delay` seconds, or earlier if it is enqueued earlier.

        While other keys are running, the delay is longer by `DELAY_PER_RUNNING_KEY_SECONDS` for each.
        """
        delay += DELAY_PER_RUNNING_KEY_SECONDS * len(self._running)
        if not self._open:
            self._pending.add(key)
        elif key in self._running:
            self._requeued[key] = min(delay, self._requeued.get(key, delay))
        else:
            self._schedule(key, delay)

    def _schedule(self, key: K, delay: float) -> None:
        """Start a timer, unless one is due earlier."""
        loop = asyncio.get_running_loop()
        due = loop.time() + delay
        earlier = self._timers.get(key)
        if earlier is not None:
            if earlier[0] <= due:
                return
            earlier[1].cancel()
        self._timers[key] = due, loop.call_later(delay, self._start, key)

    def _start(self, key: K) -> None:
        self._timers.pop(key, None)
        self._running.add(key)
        run = self._run(key, self._running)
        task = asyncio.get_running_loop().create_task(run, name=f"reconcile {key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: K, running: set[K]) -> None:
        try:
            async with self._slots.slot(self._group(key)):
                result = await self._reconcile(key)
        except Exception:
            # Tracebacks contain no secret values: plans have none, and API errors have only the server's message.
            logger.exception("Reconcile of %s failed", key)
            result = Result(failed=True)
        finally:
            running.discard(key)
        delay = result.requeue_after
        if result.failed:
            delay = self._backoff(key)
        else:
            self._failures.pop(key, None)
        loop = asyncio.get_running_loop()
        self._last_end[key] = loop.time()
        loop.call_later(MIN_INTERVAL_SECONDS, self._last_end.pop, key, None)
        if not self._open:
            return
        if key in self._requeued:
            self._schedule(key, self._requeued.pop(key))
        if delay is not None:
            self._schedule(key, delay)

    def _backoff(self, key: K) -> float:
        """Seconds until the next retry of a key that failed."""
        now = asyncio.get_running_loop().time()
        count, due = self._failures.get(key, (0, 0.0))
        if now < due:
            return due - now  # an event caused this attempt before the retry was due: keep the time of the retry
        jitter = random.uniform(0.8, 1.2)  # noqa: S311 - not for cryptography
        delay = min(BASE_DELAY_SECONDS * 2.0 ** min(count, 20), MAX_DELAY_SECONDS) * jitter
        self._failures[key] = count + 1, now + delay
        return delay
