"""Allows writes only while this replica is leader, except those that finish what it began as leader.

Leadership is checked before a request waits for a connection and again when its body is sent: a process that was
suspended in between sends no body, and the API server ignores an incomplete request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import BytesPayload
from aiohttp.abc import AbstractStreamWriter

POLL_INTERVAL = 0.02  # seconds


class NotLeaderError(Exception):
    """This replica is not, or no longer, leader."""


class LeadershipGate:
    """Lets writes begin while `is_open()`, and counts the writes in flight."""

    def __init__(self, is_open: Callable[[], bool]) -> None:
        self._is_open = is_open
        self._in_flight = 0

    @contextmanager
    def guard(self, data: bytes, *, must_lead: bool = True) -> Iterator[BytesPayload]:
        """Count a write from the start of its request to the response, and yield the body to send.

        Args:
            must_lead: False for a write that finishes what this replica began as leader, and that overwrites nothing.

        Raises:
            NotLeaderError: this replica is not leader.
        """
        if must_lead:
            self._check()
        self._in_flight += 1
        try:
            yield _GuardedBody(data, self._check) if must_lead else BytesPayload(data)
        finally:
            self._in_flight -= 1

    async def wait_idle(self) -> None:
        """Wait until every write that began has ended."""
        while self._in_flight:  # noqa: ASYNC110 - once in a process's life
            await asyncio.sleep(POLL_INTERVAL)

    def _check(self) -> None:
        if not self._is_open():
            raise NotLeaderError


class _GuardedBody(BytesPayload):
    """A request body that calls `check` before it is sent."""

    def __init__(self, data: bytes, check: Callable[[], None]) -> None:
        super().__init__(data)
        self._check = check

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self._check()
        await super().write_with_length(writer, content_length)
