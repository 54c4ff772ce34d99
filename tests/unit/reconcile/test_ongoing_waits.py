"""The duration of waits of a Cryostat, and what the reconciler reports once they last."""

from __future__ import annotations

import math

import pytest

from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.model.times import LASTING_SECONDS
from cryostat_operator.reconcile.ongoing_waits import LastingWaits, Waits
from cryostat_operator.reconcile.outcomes import TRANSIENT_RETRY_SECONDS
from cryostat_operator.reconcile.reconciler import Reconciler
from cryostat_operator.reconcile.work_queue import Result
from tests.unit.clock import Clock
from tests.unit.reconcile.conftest import INSTANCE, Cluster, refuse

WAITING = Reason.WAITING_FOR_CERTIFICATE
PROBLEM = Problem("tls", WAITING, "it waits")
NONE = LastingWaits(frozenset(), math.inf)


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


@pytest.fixture
def clock(reconciler: Reconciler) -> Clock:
    """The clock by which the reconciler measures waits."""
    clock = Clock()
    reconciler._waits = Waits(clock)
    return clock


async def test_a_wait_is_checked_again_after_a_minute_and_then_a_problem(
    cluster: Cluster, reconciler: Reconciler, clock: Clock
) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    key = Key("Service", "here", "sample")
    live = cluster.live(key)
    deleted = {**live["metadata"], "deletionTimestamp": "2020-01-01T00:00:00Z", "finalizers": ["example.com/hold"]}
    cluster.put(key, metadata=deleted, spec=live["spec"])
    assert await reconciler(INSTANCE) == Result(LASTING_SECONDS)
    assert cluster.condition("Reconciled")["reason"] == "ObjectBeingDeleted"
    clock.now += LASTING_SECONDS
    assert await reconciler(INSTANCE) == Result()
    assert cluster.condition("Reconciled")["reason"] == "ObjectNotDeleted"
    assert [reason for reason, _ in cluster.events()].count("ObjectNotDeleted") == 1
    cluster.server.requests.clear()
    reconciler.reset()
    await reconciler(INSTANCE)
    assert cluster.server.writes == [], "nothing changes after a restart"


async def test_a_write_that_the_api_server_does_not_answer_for_a_minute_is_reported(
    cluster: Cluster, reconciler: Reconciler, clock: Clock
) -> None:
    cluster.cryostat()

    cluster.server.hook = refuse("POST", "/services", ApiUnavailable(503, "ServiceUnavailable", "no quorum"))
    assert await reconciler(INSTANCE) == Result(failed=True)
    assert cluster.condition("Reconciled") == {}
    clock.now += LASTING_SECONDS
    for _ in range(2):
        assert await reconciler(INSTANCE) == Result(failed=True)
        found = cluster.condition("Reconciled")
        assert (found["status"], found["reason"]) == ("False", "ApiServerUnavailable")
        assert "Service here/sample cannot be written: no quorum" in found["message"]
        assert "This has lasted for more than a minute: check the API server" in found["message"]
        assert cluster.condition("Ready")["reason"] == "ApiServerUnavailable"
    assert [reason for reason, _ in cluster.events()].count("ApiServerUnavailable") == 1
    cluster.server.hook = None
    await reconciler(INSTANCE)
    assert cluster.condition("Reconciled") == {}


async def test_conflicts_of_more_than_a_minute_are_reported(
    cluster: Cluster, reconciler: Reconciler, clock: Clock
) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    key = Key("Service", "here", "sample")
    live = cluster.live(key)
    cluster.put(key, metadata=live["metadata"], spec={**live["spec"], "ports": []})

    words = "the object has been modified; please apply your changes to the latest version and try again"
    cluster.server.hook = refuse("PUT", "/services/sample", ApiError(409, "Conflict", words))
    assert await reconciler(INSTANCE) == Result(TRANSIENT_RETRY_SECONDS)
    assert cluster.condition("Reconciled") == {}
    clock.now += LASTING_SECONDS
    for _ in range(2):
        assert await reconciler(INSTANCE) == Result(failed=True), "retried with backoff"
        found = cluster.condition("Reconciled")
        assert (found["status"], found["reason"]) == ("False", "ConflictNotResolved")
        assert found["message"] == (
            "Service here/sample cannot be written: the object has been modified. This has lasted for more than a "
            "minute: find the client that repeatedly changes the object, in its metadata.managedFields."
        )
        assert cluster.condition("Ready")["reason"] == "ConflictNotResolved"
    assert [reason for reason, _ in cluster.events()].count("ConflictNotResolved") == 1
    cluster.server.hook = None
    await reconciler(INSTANCE)
    assert cluster.condition("Reconciled") == {}
    assert "ConflictNotResolved" not in cluster.condition("Ready")["reason"]
