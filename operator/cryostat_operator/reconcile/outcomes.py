"""Outcomes of the writes of one run: problems for the status, events, and when to run again."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from ..plan.diff.plan_diff import Change
from ..plan.lasting_waits import LASTING
from ..plan.model.kinds import Key, Obj
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from .work_queue import Result

State = Literal["applied", "refused", "no-op", "deferred"]

TRANSIENT_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class Outcome:
    """The outcome of one change.

    Attributes:
        change: what was to be written.
        state: `applied`; `refused` by the API server, or by the operator for an object that it does not own; `no-op`
            if the cluster reverts this write each time; `deferred` if the object was written too often lately.
        problem: the cause, unless the change was applied or deferred.
        retry_after: seconds until another attempt makes sense, for transient refusals and deferred changes; None if
            the cause lasts.
        response: the object as the API server returned it; None for deletions and Secrets.
        repeated: whether the write limiter repeats an earlier refusal, so that nothing was written.
    """

    change: Change
    state: State
    problem: Problem | None = None
    retry_after: float | None = None
    response: Obj | None = None
    repeated: bool = False

    @property
    def is_permanent_refusal(self) -> bool:
        """Whether the write fails again until the cluster or the spec changes."""
        return self.state == "refused" and self.retry_after is None


def applied(change: Change, response: Obj | None = None) -> Outcome:
    """Return the outcome of a successful write."""
    return Outcome(change, "applied", response=response)


def refused(change: Change, reason: Reason, message: str, *, transient: bool = False) -> Outcome:
    """Return the outcome of a refused write.

    Args:
        message: one or two sentences that name the object.
        transient: whether the cause normally ends without an action of a user. The status mentions it if it lasts.
    """
    problem = Problem(change.component, reason, message, dedup_key=str(change.key))
    return Outcome(change, "refused", problem, TRANSIENT_RETRY_SECONDS if transient else None)


@dataclass
class Outcomes:
    """All outcomes of one run, at most one per object."""

    by_key: dict[Key, Outcome] = field(default_factory=dict)

    def add(self, outcomes: Iterable[Outcome]) -> None:
        """Add outcomes of one pass."""
        for outcome in outcomes:
            self.by_key[outcome.change.key] = outcome

    def remaining(self, changes: Iterable[Change]) -> list[Change]:
        """Return the changes to objects that have no outcome yet."""
        return [change for change in changes if change.key not in self.by_key]

    @property
    def permanent_refusals(self) -> list[Problem]:
        """Causes of refusals that the status reports, ordered by object."""
        return [each.problem for each in self._sorted() if each.is_permanent_refusal and each.problem]

    @property
    def new_refusals(self) -> list[Problem]:
        """Causes of permanent refusals of writes that were sent in this run, ordered by object."""
        sent = (each for each in self._sorted() if not each.repeated)
        return [each.problem for each in sent if each.is_permanent_refusal and each.problem]

    @property
    def transient_refusals(self) -> list[Problem]:
        """Causes of refusals that normally end by themselves, ordered by object. Only lasting ones are reported."""
        found = [each.problem for each in self._sorted() if each.state == "refused" and not each.is_permanent_refusal]
        return [problem for problem in found if problem and problem.reason in LASTING]

    @property
    def problems(self) -> list[Problem]:
        """Everything that the status reports: permanent refusals, then writes that the cluster reverts."""
        no_ops = [each.problem for each in self._sorted() if each.state == "no-op" and each.problem]
        return [*self.permanent_refusals, *no_ops]

    @property
    def events(self) -> list[Problem]:
        """The events of applied changes, such as a new host of a Route."""
        done = (each.change for each in self.by_key.values() if each.state == "applied")
        return [change.event for change in done if change.event]

    def requeue(self, recheck_after: float, lasting: Collection[Reason] = ()) -> Result:
        """Return when to reconcile again.

        Args:
            recheck_after: seconds until something is due without an event; infinite if nothing is.
            lasting: reasons of waits that have lasted for a minute.
        """
        refusals = [each for each in self.by_key.values() if each.state == "refused"]
        # Conflicts that last are retried with backoff, as other refusals are.
        retried = {Reason.API_SERVER_UNAVAILABLE, *({Reason.CONFLICT} & set(lasting))}
        if any(each.is_permanent_refusal or (each.problem and each.problem.reason in retried) for each in refusals):
            return Result(failed=True)
        if refusals:
            return Result(TRANSIENT_RETRY_SECONDS)
        deferred = (each.retry_after for each in self.by_key.values() if each.state == "deferred")
        due = min((recheck_after, *(delay for delay in deferred if delay is not None)))
        return Result(due if due < math.inf else None)

    def _sorted(self) -> list[Outcome]:
        return [self.by_key[key] for key in sorted(self.by_key)]
