"""Notices that the operator lacks the permission to list or watch a required resource."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from ..kube.errors import ApiError
from ..plan.diagnosis.refusal_remedies import MISSING_PERMISSION

logger = logging.getLogger(__name__)

# How many checks in succession must find a refusal. An API server that has just started refuses all requests until it
# has read the roles. Later on, a refusal is not urgent: the watch of the objects worked until a moment ago.
CHECKS, LATER_CHECKS = 10, 30
CHECK_SECONDS = 1.0  # between two checks


class RefusedLists:
    """Reports a refused list or watch while it lasts.

    Without its list or watch, changes of the resource are not observed, so that instances must not be reconciled.

    Args:
        current: the refusal of the last request of a required resource; None if there is none.
        changed: called when `lasting` begins or ends to have a refusal.
    """

    def __init__(self, current: Callable[[], ApiError | None], changed: Callable[[], None]) -> None:
        self._current = current
        self._changed = changed
        self._lasts = False

    @property
    def lasting(self) -> ApiError | None:
        """The refusal, if it has lasted for a while after the first lists; else None."""
        return self._current() if self._lasts else None

    async def wait_for(self, first_lists: asyncio.Task[None]) -> None:
        """Return when the first lists are complete or have failed, or when one of them is refused, which is logged."""
        found = 0
        while not first_lists.done() and found < CHECKS:
            await asyncio.wait({first_lists}, timeout=CHECK_SECONDS)
            found = found + 1 if self._current() else 0
        if not first_lists.done():
            self._log()

    async def run(self, first_lists: asyncio.Task[None]) -> None:
        """Report refusals after the first lists. Does not return, but raises the exception of the first lists."""
        await first_lists
        while True:
            await self._wait_until(refused=True, checks=LATER_CHECKS)
            self._log()
            self._lasts = True
            self._changed()
            await self._wait_until(refused=False, checks=1)
            self._lasts = False
            logger.info("All lists and watches are allowed again")
            self._changed()

    async def _wait_until(self, *, refused: bool, checks: int) -> None:
        """Return when this number of checks in succession has found a refusal, or none."""
        found = 0
        while found < checks:
            await asyncio.sleep(CHECK_SECONDS)
            found = found + 1 if bool(self._current()) == refused else 0

    def _log(self) -> None:
        if refusal := self._current():
            text = "No Cryostat is reconciled, because a list or watch was refused: %s. %s"
            logger.error(text, refusal.message, MISSING_PERMISSION)
