"""Limits the share of the operator's time that reviews of large objects take."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..api.limits import has_more_values
from ..fair_slots import FairSlots
from ..plan.model.kinds import Obj

# Entries of lists and maps. The review of the largest object that gets the agent takes a tenth of a second, in which
# nothing else is done. With `kubectl create --dry-run=server`, an author of pods can request that again and again.
MAX_SMALL = 2_000


class LargeReviews:
    """Lets one review of a large object run at a time. After it, the next one waits for as long as it took.

    The namespaces take turns.
    """

    def __init__(self) -> None:
        self._turn = FairSlots(1)

    @asynccontextmanager
    async def turn(self, namespace: str, *objects: Obj) -> AsyncIterator[None]:
        """Compute on objects of a namespace during the context, which must not wait for anything."""
        if not any(has_more_values(obj, MAX_SMALL) for obj in objects):
            yield
            return
        await self._turn.acquire(namespace)
        started = time.perf_counter()
        try:
            yield
        finally:
            # The next review waits, not this one: its answer must not be late.
            asyncio.get_running_loop().call_later(time.perf_counter() - started, self._turn.release)
