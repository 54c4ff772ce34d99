"""Stands before every write of the loop: nothing begins to be written while somebody else may be writing.

It asks twice: before a request waits for a connection, and when its body is handed to the socket. A process that was
stopped in between finds out there; a request whose body never comes does nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiohttp import BytesPayload
from aiohttp.abc import AbstractStreamWriter

_LOOK = 0.02  # seconds


class NotLeaderError(Exception):
    """This replica does not lead (any more)."""


class LeadershipGate:
    """Lets writes begin while `is_open()`, and knows how many of them are under way."""

    def __init__(self, is_open: Callable[[], bool]) -> None:
        self._is_open = is_open
        self._under_way = 0

    def check(self) -> None:
        """Raises ClosedError."""
        if not self._is_open():
            raise NotLeaderError

    @contextmanager
    def write(self, data: bytes) -> Iterator[BytesPayload]:
        """One request, from its beginning to its answer, and the body to send with it. Raises ClosedError."""
        self.check()
        self._under_way += 1
        try:
            yield _Body(data, self.check)
        finally:
            self._under_way -= 1

    async def quiet(self) -> None:
        """Wait until every write that began was answered, or given up."""
        while self._under_way:  # noqa: ASYNC110 - once in a process's life
            await asyncio.sleep(_LOOK)


class _Body(BytesPayload):
    def __init__(self, data: bytes, check: Callable[[], None]) -> None:
        super().__init__(data)
        self._check = check

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        self._check()
        await super().write_with_length(writer, content_length)
