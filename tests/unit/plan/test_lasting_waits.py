"""Waits that last become problems that a user has to solve."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.lasting_waits import LASTING, with_lasting
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason


@pytest.mark.parametrize("reason", LASTING)
def test_a_lasting_wait_has_another_reason_and_a_remedy(reason: Reason) -> None:
    problem = Problem("tls", reason, "It waits.")
    found = with_lasting(problem, {reason})
    assert found.reason == LASTING[reason]
    assert found.actionable
    assert found.message.startswith("It waits. This has lasted for more than a minute: check")
    assert with_lasting(found, {reason}) == found


def test_other_problems_stay_as_they_are() -> None:
    problem = Problem("tls", Reason.WAITING_FOR_CERTIFICATE, "It waits.")
    assert with_lasting(problem, {Reason.ROUTE_NOT_ADMITTED}) is problem


def test_objects_that_wait_for_the_same_have_one_event() -> None:
    waits = [Problem("tls", Reason.WAITING_FOR_CERTIFICATE, f"{name} waits.") for name in "ab"]
    found = [with_lasting(each, {Reason.WAITING_FOR_CERTIFICATE}) for each in waits]
    assert len({each.dedup_key for each in found}) == 1
