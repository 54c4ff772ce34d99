"""A keyed queue: one run at a time per key, triggers merge, failed keys come back later and later."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_FIRST_DELAY = 0.2  # seconds
_LAST_DELAY = 30.0  # what keeps a write from getting through is mostly nothing that we could watch
_QUIET = 0.1  # seconds between two runs of one key, so that bursts of events become one run
_WAY = 0.02  # seconds that what is not urgent waits longer for each key at work: who makes new objects goes first
_AT_ONCE = 24  # runs; they mostly wait for the API server, and each holds half a MiB of plan and live objects

RETRY = -1.0
"""What `work` returns for a run that failed without an exception: come back with exponential back-off."""

logger = logging.getLogger(__name__)


class WorkQueue(Generic[K]):
    """Calls `work(key)` for every key that was rung, soon, and again `after` the seconds that it returns.

    `work` returns None when there is nothing more to do, or seconds until the next look. `RETRY` or an exception mean
    failure: the key returns with exponential back-off and jitter.
    """

    def __init__(self, work: Callable[[K], Awaitable[float | None]]) -> None:
        self._work = work
        self._running: set[K] = set()
        self._again: dict[K, float] = {}  # seconds that keys which were rung while they ran may wait
        self._timers: dict[K, tuple[float, asyncio.Handle]] = {}  # when due, and what to cancel
        self._failures: dict[K, tuple[int, float]] = {}  # how often in a row, and when the next try is due
        self._last_end: dict[K, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._open = False
        self._early: set[K] = set()

    @property
    def depth(self) -> int:
        """Keys that are due, running or scheduled."""
        return len(self._running) + len(self._timers) + len(self._early)

    def open(self) -> None:
        """Let work begin; what was rung before has waited for this."""
        self._open = True
        early, self._early = self._early, set()
        for key in early:
            self.enqueue(key)

    def close(self) -> None:
        """Stop all work. It may be opened again; what was to be done must then be rung again."""
        self._open = False
        self._again.clear()
        # Nobody else would: what is cancelled before it began never comes to its end.
        self._running = set()
        for _, handle in self._timers.values():
            handle.cancel()
        self._timers.clear()
        for task in self._tasks:
            task.cancel()

    def enqueue(self, key: K) -> None:
        """Something about `key` changed: look at it now, or right after the run under way."""
        if not self._open:
            self._early.add(key)
        elif key in self._running:
            self._again[key] = _QUIET
        else:
            now = asyncio.get_running_loop().time()
            self._schedule(key, max(0.0, self._last_end.get(key, -_QUIET) + _QUIET - now))

    def enqueue_after(self, key: K, patience: float) -> None:
        """The same within `patience` seconds: more is likely to follow, and one run will do for all of it."""
        patience += _WAY * len(self._running)
        if not self._open:
            self._early.add(key)
        elif key in self._running:
            self._again[key] = min(patience, self._again.get(key, patience))
        else:
            self._schedule(key, patience)

    def _schedule(self, key: K, delay: float) -> None:
        """Run at the earliest of all times asked for."""
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
        work = self._run(key, self._running)
        task = asyncio.get_running_loop().create_task(work, name=f"reconcile {key}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, key: K, running: set[K]) -> None:
        delay: float | None
        try:
            async with self._slots:
                delay = await self._work(key)
            if delay == RETRY:
                delay = self._back_off(key)
            else:
                self._failures.pop(key, None)
        except Exception:
            # The message may quote nothing secret: API errors carry the server's words, and values never enter a run.
            logger.exception("Reconciling %s failed", key)
            delay = self._back_off(key)
        finally:
            running.discard(key)
        loop = asyncio.get_running_loop()
        self._last_end[key] = loop.time()
        loop.call_later(_QUIET, self._last_end.pop, key, None)
        if not self._open:
            return
        if key in self._again:
            self._schedule(key, self._again.pop(key))
        if delay is not None:
            self._schedule(key, delay)

    def _back_off(self, key: K) -> float:
        """Seconds until the next try of a key that failed once more."""
        now = asyncio.get_running_loop().time()
        count, due = self._failures.get(key, (0, 0.0))
        if now < due:
            return due - now  # something rang in between, and did not help: that is no reason to wait longer
        delay = float(min(_FIRST_DELAY * 2 ** min(count, 20), _LAST_DELAY) * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
        self._failures[key] = count + 1, now + delay
        return delay

    def forget(self, key: K) -> None:
        """The key is gone for good."""
        self._failures.pop(key, None)
        self._last_end.pop(key, None)
