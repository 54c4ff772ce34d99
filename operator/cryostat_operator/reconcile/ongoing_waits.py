"""Measures how long each Cryostat has waited for something."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple

from ..plan.lasting_waits import CONSEQUENCES, LASTING
from ..plan.model.kinds import InstanceKey
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from ..plan.model.times import LASTING_SECONDS
from ..plan.readiness import NON_BLOCKING


class LastingWaits(NamedTuple):
    """The result of `Waits.update`.

    Attributes:
        reasons: of the waits that have lasted for `LASTING_SECONDS`.
        recheck_after: seconds until another wait has lasted that long; infinite if there is no other wait.
    """

    reasons: frozenset[Reason]
    recheck_after: float


class Waits:
    """Remembers since when each Cryostat has waited, by reason.

    After a restart of the operator the times begin again, but a wait that the status reports as lasting stays lasting.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[InstanceKey, dict[Reason, float]] = {}

    def update(self, instance_key: InstanceKey, problems: Iterable[Problem], stored: Collection[str]) -> LastingWaits:
        """Return the waits that have lasted for `LASTING_SECONDS`.

        Args:
            problems: all problems of the latest run.
            stored: reasons of the conditions in the status.
        """
        now = self._clock()
        current = _waits(list(problems))
        before = self._since.pop(instance_key, {})
        since = {reason: before.get(reason, now) for reason in current}
        if since:
            self._since[instance_key] = since
        remaining = {reason: start + LASTING_SECONDS - now for reason, start in since.items()}
        lasting = {reason for reason in since if remaining[reason] <= 0 or LASTING[reason] in stored}
        recheck_after = min((remaining[reason] for reason in current - lasting), default=math.inf)
        return LastingWaits(frozenset(lasting), recheck_after)

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget a deleted Cryostat."""
        self._since.pop(instance_key, None)

    def reset(self) -> None:
        """Forget all Cryostats."""
        self._since.clear()


def _waits(problems: Sequence[Problem]) -> set[Reason]:
    """The reasons of waits, without those that another problem explains."""
    causes = [problem for problem in problems if problem.reason not in CONSEQUENCES]
    explained = any(problem.actionable and problem.reason not in NON_BLOCKING for problem in causes)
    explained = explained or any(problem.reason in LASTING for problem in causes)
    return {problem.reason for problem in (causes if explained else problems)} & LASTING.keys()
