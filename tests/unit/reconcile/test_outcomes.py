"""Outcomes of the writes of a reconcile: the reported problems, and the time of the next reconcile."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from cryostat_operator.plan.diff.plan_diff import Change
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.reconcile.outcomes import Outcome, Outcomes, applied, refused
from cryostat_operator.reconcile.work_queue import Result


def change(name: str, event: Problem | None = None) -> Change:
    return Change("replace", Key("Service", "here", name), event=event)


def outcomes_of(*each: Outcome) -> Outcomes:
    found = Outcomes()
    found.add(each)
    return found


def deferred(seconds: float) -> Outcome:
    return Outcome(change("d"), "deferred", retry_after=seconds)


FORBIDDEN = refused(change("a"), Reason.FORBIDDEN, "no")
CONFLICT = refused(change("c"), Reason.CONFLICT, "changed", transient=True)
UNAVAILABLE = refused(change("b"), Reason.API_SERVER_UNAVAILABLE, "down", transient=True)
NO_OP = Outcome(change("n"), "no-op", Problem("core", Reason.CHANGED_BY_OTHERS, "reverted"))


def test_each_object_is_written_once_per_run() -> None:
    found = outcomes_of(applied(change("a")), CONFLICT, deferred(1), NO_OP)
    assert found.remaining([change(name) for name in "acdnx"]) == [change("x")]


def test_permanent_refusals_and_no_ops_are_problems() -> None:
    found = outcomes_of(NO_OP, CONFLICT, UNAVAILABLE, deferred(1), FORBIDDEN)
    assert [p.reason for p in found.problems] == ["Forbidden", "ChangedByOthers"]
    assert [p.reason for p in found.permanent_refusals] == ["Forbidden"]
    assert found.new_refusals == found.permanent_refusals


def test_transient_refusals_may_become_lasting_ones() -> None:
    found = outcomes_of(NO_OP, CONFLICT, UNAVAILABLE, deferred(1), FORBIDDEN)
    assert {p.reason for p in found.transient_refusals} == {"ApiServerUnavailable", "Conflict"}
    terminating = refused(change("t"), Reason.NAMESPACE_TERMINATING, "no", transient=True)
    assert outcomes_of(terminating).transient_refusals == [], "the plan has this problem"


def test_a_conflict_that_lasts_is_retried_with_backoff() -> None:
    assert outcomes_of(CONFLICT).requeue(math.inf, {Reason.CONFLICT}) == Result(failed=True)


def test_a_refusal_that_the_write_limiter_repeats_is_a_problem_and_not_counted() -> None:
    found = outcomes_of(replace(FORBIDDEN, repeated=True))
    assert [p.reason for p in found.permanent_refusals] == ["Forbidden"]
    assert found.new_refusals == []


def test_only_applied_changes_have_events() -> None:
    event = Problem("exposure", Reason.ROUTE_HOST_CHANGED, "moved")
    assert outcomes_of(applied(change("a", event))).events == [event]
    assert outcomes_of(refused(change("a", event), Reason.FORBIDDEN, "no")).events == []


@pytest.mark.parametrize(
    ("outcomes", "recheck_after", "result"),
    [
        ([], math.inf, Result()),
        ([], 60.0, Result(60.0)),
        ([applied(change("a")), NO_OP], math.inf, Result()),
        ([FORBIDDEN, CONFLICT], 60.0, Result(failed=True)),
        ([UNAVAILABLE], 60.0, Result(failed=True)),
        ([CONFLICT], 0.1, Result(1.0)),
        ([deferred(5.0)], math.inf, Result(5.0)),
        ([deferred(5.0)], 3.0, Result(3.0)),
    ],
)
def test_the_time_of_the_next_reconcile(outcomes: list[Outcome], recheck_after: float, result: Result) -> None:
    assert outcomes_of(*outcomes).requeue(recheck_after) == result
