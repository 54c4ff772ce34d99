"""The write limiter: no-op writes, refused writes, and the token bucket."""

from __future__ import annotations

from dataclasses import replace

from cryostat_operator.plan.diff.plan_diff import Change, Verb
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.reconcile.outcomes import Outcome, applied, refused
from cryostat_operator.reconcile.write_limiter import WriteLimiter
from tests.unit.clock import Clock

INSTANCE, KEY = InstanceKey("here", "x"), Key("Service", "here", "x")


def service(**spec: str) -> Obj:
    return {"kind": "Service", "metadata": {"name": "x", "namespace": "here"}, "spec": spec}


def change(verb: Verb = "replace", live: Obj | None = None, **spec: str) -> Change:
    return Change(verb, KEY, None if verb == "delete" else service(**spec), live=live)


def held(limiter: WriteLimiter, each: Change) -> Outcome | None:
    outcomes = limiter.held(INSTANCE, [each])
    return outcomes[0] if outcomes else None


def test_an_object_that_is_deleted_repeatedly_is_created_with_backoff() -> None:
    clock = Clock()
    limiter = WriteLimiter(clock)
    count = 0
    while held(limiter, change("create")) is None:
        limiter.record(INSTANCE, [applied(change("create"))])
        count += 1
    assert count == 20
    outcome = held(limiter, change("create"))
    assert outcome
    assert outcome.state == "deferred"
    assert outcome.retry_after == 5.0
    clock.now += outcome.retry_after
    assert held(limiter, change("create")) is None


def test_a_refused_write_is_repeated_with_backoff() -> None:
    clock = Clock()
    limiter = WriteLimiter(clock)
    refusal = refused(change("create"), Reason.FORBIDDEN, "no")
    pauses = []
    for _ in range(8):
        limiter.record(INSTANCE, [refusal])
        before = clock.now
        while outcome := held(limiter, change("create")):
            assert outcome.state == "refused"
            assert outcome.problem == refusal.problem
            clock.now += 0.05
        pauses.append(clock.now - before)
    assert pauses == sorted(pauses)
    assert 0.15 <= pauses[0] < 0.25
    assert 5.0 <= pauses[-1] < 5.1


def test_another_desired_state_is_written_at_once_after_a_refusal() -> None:
    limiter = WriteLimiter(Clock())
    limiter.record(INSTANCE, [refused(change("create"), Reason.FORBIDDEN, "no")])
    assert held(limiter, change("create", type="other")) is None


def test_transient_refusals_are_not_recorded() -> None:
    limiter = WriteLimiter(Clock())
    limiter.record(INSTANCE, [refused(change("create"), Reason.CONFLICT, "no", transient=True)])
    assert held(limiter, change("create")) is None


def test_a_write_that_the_cluster_reverts_is_reported_and_not_repeated() -> None:
    limiter = WriteLimiter(Clock())
    reverted = service(type="other")
    [outcome] = limiter.record(INSTANCE, [applied(change(type="desired"), reverted)])
    assert outcome.state == "no-op"
    assert outcome.problem
    assert outcome.problem.reason == "ChangedByOthers"
    assert outcome.problem.message == (
        "Service here/x was modified during admission, for example by a mutating policy: spec.type. The operator "
        "accepts the result. To prevent this, exempt the object in the policy."
    )
    again = held(limiter, change(live=reverted, type="desired"))
    assert again
    assert again.state == "no-op"
    assert again.problem == outcome.problem


def test_a_reverted_write_is_repeated_once_either_side_changes() -> None:
    limiter = WriteLimiter(Clock())
    limiter.record(INSTANCE, [applied(change(type="desired"), service(type="other"))])
    assert held(limiter, change(live=service(type="other"), type="another")) is None
    assert held(limiter, change(live=service(type="changed"), type="desired")) is None


def test_metadata_that_the_api_server_sets_does_not_count_as_a_change() -> None:
    limiter = WriteLimiter(Clock())
    limiter.record(INSTANCE, [applied(change(type="desired"), service(type="other"))])
    live = service(type="other")
    live["metadata"] = {**live["metadata"], "resourceVersion": "7", "generation": 2}
    assert held(limiter, change(live={**live, "status": {"x": 1}}, type="desired"))


def test_an_effective_write_is_not_a_no_op() -> None:
    limiter = WriteLimiter(Clock())
    outcome = applied(change(type="desired"), service(type="desired"))
    assert limiter.record(INSTANCE, [outcome]) == [outcome]
    assert held(limiter, change(live=service(type="desired"), type="desired")) is None


def test_a_reset_or_deleted_instance_is_forgotten() -> None:
    limiter = WriteLimiter(Clock())
    for forget in (limiter.reset, lambda: limiter.forget(INSTANCE)):
        limiter.record(INSTANCE, [refused(change("create"), Reason.FORBIDDEN, "no")])
        assert held(limiter, change("create"))
        forget()
        assert held(limiter, change("create")) is None


def test_other_instances_and_objects_are_not_affected() -> None:
    limiter = WriteLimiter(Clock())
    limiter.record(INSTANCE, [refused(change("create"), Reason.FORBIDDEN, "no")])
    other = replace(change("create"), key=Key("Service", "here", "y"))
    assert held(limiter, other) is None
    assert limiter.held(InstanceKey("here", "y"), [change("create")]) == []


def test_objects_that_are_no_longer_written_are_forgotten() -> None:
    """The target namespaces of a Cryostat can change for years."""
    clock = Clock()
    limiter = WriteLimiter(clock)
    for number in range(100):
        clock.now += 60.0
        key = Key("Secret", f"namespace-{number}", "x")
        limiter.record(INSTANCE, [applied(Change("create", key, service()))])
    assert len(limiter._instances[INSTANCE].tokens) == 1
