"""A limited number of slots, for which groups of waiting tasks take turns."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

_Turns = deque[asyncio.Future[None]]


class FairSlots:
    """A semaphore that gives each free slot to the group that has waited longest since its last turn.

    Each group gets one slot per turn, so many waiting tasks of one group do not delay the tasks of other groups. The
    same is true of the subgroups of a group.
    """

    def __init__(self, count: int) -> None:
        self._free = count  # while it is positive, no task waits
        # By group and subgroup. Those with the next turn come first.
        self._waiting: dict[Hashable, dict[Hashable, _Turns]] = {}

    @asynccontextmanager
    async def slot(self, group: Hashable, subgroup: Hashable = "") -> AsyncIterator[None]:
        """Wait for a slot, and hold it during the context."""
        await self.acquire(group, subgroup)
        try:
            yield
        finally:
            self.release()

    async def acquire(self, group: Hashable, subgroup: Hashable = "") -> None:
        """Wait for a slot. Each one must be released."""
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, {}).setdefault(subgroup, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.release()  # the task got the slot and was canceled at the same time
            raise

    def release(self) -> None:
        """Give a slot to the next task."""
        while self._waiting:
            group = next(iter(self._waiting))
            subgroups = self._waiting.pop(group)
            turn = _next_turn(subgroups)
            if subgroups:
                self._waiting[group] = subgroups
            if turn:
                turn.set_result(None)
                return
        self._free += 1


def _next_turn(subgroups: dict[Hashable, _Turns]) -> asyncio.Future[None] | None:
    """Remove the next turn of a group; None if all its tasks were canceled. Subgroups without turns are removed."""
    while subgroups:
        subgroup = next(iter(subgroups))
        turns = subgroups.pop(subgroup)
        while turns and turns[0].done():
            turns.popleft()  # it was canceled, which costs the group no turn
        if not turns:
            continue
        turn = turns.popleft()
        if turns:
            subgroups[subgroup] = turns
        return turn
    return None
