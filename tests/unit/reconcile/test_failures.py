"""The report of a failed reconcile, and its retry."""

from __future__ import annotations

import pytest

from cryostat_operator.api.validation import InvalidCryostatError
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.model.times import LASTING_SECONDS
from cryostat_operator.reconcile.failures import Failures
from cryostat_operator.reconcile.work_queue import Result
from tests.unit.clock import Clock
from tests.unit.reconcile.conftest import CRYOSTAT_PATH, INSTANCE, Cluster

GONE = {"kind": "cryostats", "name": "sample"}


async def handle(cluster: Cluster, error: Exception) -> Result:
    return await Failures(cluster.cryostats, cluster.status).handle(INSTANCE, error)


async def test_an_invalid_cryostat_is_reported_and_not_retried(cluster: Cluster) -> None:
    cluster.cryostat()
    assert await handle(cluster, InvalidCryostatError(["spec.a: wrong", "spec.b: wrong"])) == Result()
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "InvalidSpec")
    assert ready["message"] == (
        "The spec is invalid: spec.a: wrong. spec.b: wrong. Correct them; until then, the operator changes no object."
    )
    assert [reason for reason, _ in cluster.events()] == ["InvalidSpec"]


async def test_a_bug_is_an_internal_error_without_its_text(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    cluster.cryostat()
    assert await handle(cluster, RuntimeError("password")) == Result(failed=True)
    ready = cluster.condition("Ready")
    assert ready["reason"] == "InternalError"
    assert ready["message"] == (
        "Internal error of the operator (RuntimeError); it retries. "
        "Report it with the operator's log and this Cryostat's spec to the maintainers of the operator."
    )
    assert caplog.messages == ["Internal error in reconcile"]
    assert "password" not in str(cluster.live_cryostat()) + str(cluster.events())


async def test_a_missing_permission_is_reported_and_retried(cluster: Cluster) -> None:
    cluster.cryostat()
    assert await handle(cluster, ApiError(403, "Forbidden", "cannot get secrets")) == Result(failed=True)
    ready = cluster.condition("Ready")
    assert (ready["reason"], ready["message"]) == (
        "Forbidden",
        "A request of the operator was refused: cannot get secrets. Grant the operator the missing permission.",
    )
    await handle(cluster, ApiError(403, "Forbidden", "cannot get config maps"))
    assert len(cluster.events()) == 1


async def test_a_refused_status_write_is_not_a_further_failure(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.cryostat()
    cluster.server.hook = lambda *_: ApiError(403, "Forbidden", "no")
    assert await handle(cluster, ApiError(403, "Forbidden", "no lists")) == Result(failed=True)
    assert caplog.messages == [
        "Reconcile failed, retrying: no lists",
        "Could not write the status: no",
    ]


async def test_refusals_that_last_for_a_minute_are_reported(cluster: Cluster) -> None:
    body = cluster.cryostat()
    old = {"type": "Exposed", "status": "True", "reason": "AddressAssigned", "message": "", "lastTransitionTime": "t"}
    cluster.server.put(CRYOSTAT_PATH, {**body, "status": {"conditions": [old]}})
    cluster.cryostats.handle_event("MODIFIED", cluster.live_cryostat())
    clock = Clock(0.0)
    failures = Failures(cluster.cryostats, cluster.status, clock)
    broken = ApiUnavailable(500, "500", "unable to transform key")
    await failures.handle(INSTANCE, broken)
    clock.now = LASTING_SECONDS - 1
    await failures.handle(INSTANCE, broken)
    failures.forget(INSTANCE)
    clock.now = LASTING_SECONDS + 1
    await failures.handle(INSTANCE, broken)
    assert cluster.server.writes == []
    clock.now = 2 * LASTING_SECONDS + 1
    assert await failures.handle(INSTANCE, broken) == Result(failed=True)
    ready, exposed = cluster.condition("Ready"), cluster.condition("Exposed")
    assert (ready["status"], ready["reason"]) == ("False", "ApiServerUnavailable")
    assert ready["message"] == (
        "The API server has refused a request of the operator for more than a minute: unable to transform key. "
        "No object of this Cryostat is changed meanwhile. Check the API server; the operator tries again by itself."
    )
    assert (exposed["status"], exposed["reason"]) == ("Unknown", "NotObserved")
    assert [reason for reason, _ in cluster.events()] == ["ApiServerUnavailable"]
    written = len(cluster.server.writes)
    await failures.handle(INSTANCE, broken)
    assert len(cluster.server.writes) == written, "the same failure writes nothing"
    failures.reset()
    await failures.handle(INSTANCE, ApiError(403, "Forbidden", "no"))
    await failures.handle(INSTANCE, ApiUnavailable(0, "Unavailable", "down"))
    assert cluster.condition("Ready")["reason"] == "Forbidden"


async def test_the_first_refusal_after_an_outage_is_not_reported(cluster: Cluster) -> None:
    cluster.cryostat()
    clock = Clock(0.0)
    failures = Failures(cluster.cryostats, cluster.status, clock)
    await failures.handle(INSTANCE, ApiUnavailable(500, "500", "starting"))
    clock.now = 2 * LASTING_SECONDS
    await failures.handle(INSTANCE, ApiUnavailable(0, "Unavailable", "down"))
    clock.now = 4 * LASTING_SECONDS
    assert await failures.handle(INSTANCE, ApiUnavailable(500, "500", "starting")) == Result(failed=True)
    assert cluster.server.writes == []


async def test_a_refusal_after_another_failure_is_the_first_one(cluster: Cluster) -> None:
    """In between the API server answered, so the refusals have not lasted."""
    cluster.cryostat()
    clock = Clock(0.0)
    failures = Failures(cluster.cryostats, cluster.status, clock)
    await failures.handle(INSTANCE, ApiUnavailable(500, "500", "starting"))
    await failures.handle(INSTANCE, InvalidCryostatError(["spec.x: wrong"]))
    clock.now += 2 * LASTING_SECONDS
    await failures.handle(INSTANCE, ApiUnavailable(500, "500", "starting"))
    assert cluster.condition("Ready")["reason"] == "InvalidSpec"


@pytest.mark.parametrize("error", [ApiUnavailable(0, "Unavailable", "down"), ApiError(409, "Conflict", "changed")])
async def test_other_api_errors_are_only_retried(cluster: Cluster, error: ApiError) -> None:
    cluster.cryostat()
    assert await handle(cluster, error) == Result(failed=True)
    assert cluster.server.requests == []


async def test_a_cryostat_that_does_not_exist_is_discarded_and_its_orphans_collected_next(cluster: Cluster) -> None:
    cluster.cryostat()
    assert await handle(cluster, ApiError(404, "NotFound", "not found", GONE)) == Result(requeue_after=0.0)
    assert cluster.cryostats.get(INSTANCE) is None


async def test_a_404_of_another_object_discards_nothing(cluster: Cluster) -> None:
    cluster.cryostat()
    assert await handle(cluster, ApiError(404, "NotFound", "not served")) == Result(failed=True)
    assert cluster.cryostats.get(INSTANCE)


async def test_an_invalid_cryostat_that_was_deleted_is_discarded(cluster: Cluster) -> None:
    cluster.cryostat()
    cluster.server.hook = lambda method, *_: ApiError(404, "NotFound", "gone", GONE) if method == "PATCH" else None
    assert await handle(cluster, InvalidCryostatError(["x"])) == Result(requeue_after=0.0)


async def test_an_unexpected_exception_without_a_cryostat_is_raised(cluster: Cluster) -> None:
    with pytest.raises(RuntimeError):
        await handle(cluster, RuntimeError("x"))
