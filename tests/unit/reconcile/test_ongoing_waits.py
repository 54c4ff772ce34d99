"""The duration of waits of a Cryostat."""

from __future__ import annotations

import math

from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.model.times import LASTING_SECONDS
from cryostat_operator.reconcile.ongoing_waits import LastingWaits, Waits
from tests.unit.reconcile.conftest import INSTANCE

WAITING = Reason.WAITING_FOR_CERTIFICATE
PROBLEM = Problem("tls", WAITING, "it waits")
NONE = LastingWaits(frozenset(), math.inf)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_wait_lasts_after_a_minute() -> None:
    clock = Clock()
    waits = Waits(clock)
    assert waits.update(INSTANCE, [PROBLEM], ()) == LastingWaits(frozenset(), LASTING_SECONDS)
    clock.now += 20
    assert waits.update(INSTANCE, [PROBLEM], ()) == LastingWaits(frozenset(), LASTING_SECONDS - 20)
    clock.now += LASTING_SECONDS - 20
    assert waits.update(INSTANCE, [PROBLEM], ()) == LastingWaits(frozenset({WAITING}), math.inf)


def test_a_wait_starts_again_after_it_ended() -> None:
    clock = Clock()
    waits = Waits(clock)
    waits.update(INSTANCE, [PROBLEM], ())
    clock.now += LASTING_SECONDS
    assert waits.update(INSTANCE, [], ()) == NONE
    assert waits.update(INSTANCE, [PROBLEM], ()).reasons == frozenset()


def test_a_reported_lasting_wait_is_kept_after_a_restart() -> None:
    found = Waits(Clock()).update(INSTANCE, [PROBLEM], {"CertificateNotIssued"})
    assert found == LastingWaits(frozenset({WAITING}), math.inf)
    assert Waits(Clock()).update(INSTANCE, [], {"CertificateNotIssued"}) == NONE


def test_only_waits_become_lasting() -> None:
    assert Waits(Clock()).update(INSTANCE, [Problem("core", Reason.QUOTA_EXCEEDED, "x")], ()) == NONE


PENDING = Problem("core", Reason.SECRET_PENDING, "it waits for a Secret")


def test_a_wait_that_another_problem_explains_does_not_last() -> None:
    clock = Clock()
    waits = Waits(clock)
    refused = Problem("core", Reason.FORBIDDEN, "the Secret is refused")
    for cause in (refused, PROBLEM):
        assert Reason.SECRET_PENDING not in waits.update(INSTANCE, [PENDING, cause], ()).reasons
        clock.now += LASTING_SECONDS
        assert Reason.SECRET_PENDING not in waits.update(INSTANCE, [PENDING, cause], ()).reasons
    assert waits.update(INSTANCE, [PENDING], ()) == LastingWaits(frozenset(), LASTING_SECONDS)
    clock.now += LASTING_SECONDS
    changed = Problem("core", Reason.CHANGED_BY_OTHERS, "something else")
    assert waits.update(INSTANCE, [PENDING, changed], ()).reasons == {Reason.SECRET_PENDING}


def test_a_deleted_cryostat_is_forgotten() -> None:
    clock = Clock()
    for forget in (lambda waits: waits.forget(INSTANCE), Waits.reset):
        waits = Waits(clock)
        waits.update(INSTANCE, [PROBLEM], ())
        forget(waits)
        clock.now += LASTING_SECONDS
        assert waits.update(INSTANCE, [PROBLEM], ()).reasons == frozenset()
