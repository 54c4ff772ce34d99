"""Waits that last become problems that a user has to solve."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.lasting_waits import CONSEQUENCES, LASTING, with_lasting
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason

LASTED = "It waits. This has lasted for more than a minute:"
REMEDIES = {
    Reason.WAITING_FOR_CERTIFICATE: "see the log of the operator, which issues the certificates.",
    Reason.CERTIFICATE_PENDING: "see the log of the operator, which issues the certificates.",
    Reason.OBJECT_BEING_DELETED: "check the controller of each finalizer.",
    Reason.ROUTE_NOT_ADMITTED: "check that an ingress controller selects the namespace and the Route.",
    Reason.SECRET_PENDING: "see the log of the operator.",
    Reason.REFERENCE_PENDING: "see the log of the operator.",
    Reason.ROLLING_IN_ORDER: "check the pods of the Deployments that are to restart first.",
    Reason.API_SERVER_UNAVAILABLE: "check the API server; the operator tries again by itself.",
    Reason.BEING_DELETED: "check the controller of each finalizer.",
    Reason.CONFLICT: "find the client that repeatedly changes the object, in its metadata.managedFields.",
}


def test_every_wait_has_a_lasting_form() -> None:
    assert REMEDIES.keys() == LASTING.keys() > CONSEQUENCES
    assert all(reason.actionable and (wait == reason or not wait.actionable) for wait, reason in LASTING.items())


@pytest.mark.parametrize("reason", LASTING)
def test_a_lasting_wait_has_another_reason_and_a_remedy(reason: Reason) -> None:
    problem = Problem("tls", reason, "It waits.")
    (found,) = with_lasting([problem], {reason})
    assert found.reason == LASTING[reason]
    assert found.actionable
    assert found.message == f"{LASTED} {REMEDIES[reason]}"
    assert with_lasting([found], {reason}) == [found]


def test_a_problem_may_have_a_remedy_of_its_own() -> None:
    problem = Problem("tls", Reason.WAITING_FOR_CERTIFICATE, "It waits.", lasting_remedy="do this")
    (found,) = with_lasting([problem], {Reason.WAITING_FOR_CERTIFICATE})
    assert found.message == f"{LASTED} do this."


def test_other_problems_stay_as_they_are() -> None:
    problem = Problem("tls", Reason.WAITING_FOR_CERTIFICATE, "It waits.")
    (found,) = with_lasting([problem], {Reason.ROUTE_NOT_ADMITTED})
    assert found is problem


def test_objects_that_wait_for_the_same_have_one_event_and_one_remedy() -> None:
    waits = [Problem("tls", Reason.WAITING_FOR_CERTIFICATE, f"{name} waits.") for name in "ab"]
    found = with_lasting(waits, {Reason.WAITING_FOR_CERTIFICATE})
    assert len({each.dedup_key for each in found}) == 1
    assert [each.reason for each in found] == [Reason.CERTIFICATE_NOT_ISSUED] * 2
    assert found[1].message == "b waits."
