"""What is read about failures that last, and what it adds to them."""

from __future__ import annotations

import math
from typing import Any

import pytest

from cryostat_operator.plan.diagnosis.pod_failures import pod_failure
from cryostat_operator.plan.diagnosis.stuck_causes import (
    NeededReads,
    ReadObjects,
    explained,
    explanations,
    needed_reads,
    uids,
)
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj
from cryostat_operator.plan.model.problems import PodFailure
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.cluster_state import NAMESPACE, ClusterState, settled

OWNER = InstanceKey(NAMESPACE, "sample")
TIME = "1970-01-01T00:01:40Z"  # 100 seconds
CREATING = {"waiting": {"reason": "ContainerCreating"}}
NOT_CREATED = PodFailure(Reason.POD_NOT_RUNNING, "not created", container="sample-db", since=100.0, transient=True)
NOT_READY = PodFailure(Reason.POD_NOT_READY, "not ready", container="sample", since=100.0, transient=True)
CRASH = PodFailure(Reason.CONTAINER_CRASHED, "ended", container="sample")
DENY: Obj = {"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Egress"]}}


def needed(state: ClusterState, now: float, **failures: PodFailure) -> NeededReads:
    return needed_reads(state.instance, failures, now)


def pod(component: str, container: str, state: Obj, uid: str = "p") -> Obj:
    labels = {"app": "sample", "kind": "cryostat", "component": component}
    status = {"name": container, "ready": False, "state": state}
    return {
        "metadata": {"name": uid, "namespace": NAMESPACE, "uid": uid, "labels": labels},
        "spec": {"nodeName": "n1", "containers": [{"name": container}]},
        "status": {"startTime": TIME, "containerStatuses": [status]},
    }


def with_claim(**metadata: Any) -> ClusterState:
    state = settled()
    claim = state.snapshot.live[Key("PersistentVolumeClaim", NAMESPACE, "sample-database")]
    changed = {"uid": "c", "creationTimestamp": TIME, **metadata}
    return state.with_live({**claim, "metadata": {**claim["metadata"], **changed}, "status": {}})


def test_nothing_is_read_about_a_healthy_instance() -> None:
    found = needed(settled(), 1000.0)
    assert not found
    assert found.recheck_after == math.inf


@pytest.mark.parametrize(
    ("component", "failure", "expected"),
    [
        ("database", NOT_CREATED, NeededReads(uncreated=frozenset({"database"}))),
        ("cryostat", NOT_READY, NeededReads(disconnected=frozenset({"cryostat"}))),
        ("reports", NOT_READY._replace(container="sample-reports"), NeededReads(disconnected=frozenset({"reports"}))),
    ],
)
def test_the_cause_of_a_failure_is_read_after_a_minute(
    component: str, failure: PodFailure, expected: NeededReads
) -> None:
    before = needed(settled(), 110.0, **{component: failure})
    assert (before, before.recheck_after) == (NeededReads(), 50.0)
    assert needed(settled(), 160.0, **{component: failure}) == expected


def test_causes_of_failures_that_follow_within_seconds_are_read_together() -> None:
    """A separate read for the second one would change the status a second time."""
    soon, later = NOT_CREATED._replace(since=104.0), NOT_CREATED._replace(since=110.0)
    together = needed(settled(), 160.0, database=NOT_CREATED, storage=soon)
    assert (together.uncreated, together.recheck_after) == (frozenset({"database", "storage"}), math.inf)
    alone = needed(settled(), 160.0, database=NOT_CREATED, storage=later)
    assert (alone.uncreated, alone.recheck_after) == (frozenset({"database"}), 10.0)
    assert not needed(settled(), 159.0, database=NOT_CREATED, storage=soon)


def test_the_cause_of_a_crash_is_read_while_the_deployment_is_not_available_for_a_minute() -> None:
    state = settled()
    assert not needed(state, 1e9, cryostat=CRASH)
    live = state.snapshot.live[Key("Deployment", NAMESPACE, "sample")]
    unavailable = {"type": "Available", "status": "False", "lastTransitionTime": TIME}
    state.with_live({**live, "status": {"conditions": [unavailable]}})
    assert needed(state, 130.0, cryostat=CRASH).recheck_after == 30.0
    assert needed(state, 160.0, cryostat=CRASH).disconnected == {"cryostat"}
    state.with_live({**live, "status": {"conditions": [{**unavailable, "status": "True"}]}})
    assert not needed(state, 1000.0, cryostat=CRASH)


@pytest.mark.parametrize(
    ("component", "failure"),
    [
        ("database", NOT_READY._replace(container="sample-db")),
        ("cryostat", NOT_READY._replace(container="sample-grafana")),
        ("cryostat", NOT_READY._replace(reason=Reason.IMAGE_PULL_FAILED)),
        ("database", NOT_CREATED._replace(transient=False)),
        ("database", NOT_CREATED._replace(ended=True)),
    ],
)
def test_nothing_is_read_about_other_failures(component: str, failure: PodFailure) -> None:
    assert not needed(settled(), 1000.0, **{component: failure})


def test_the_events_of_a_claim_are_read_after_a_minute_unless_its_pod_has_another_failure() -> None:
    before = needed(with_claim(), 130.0)
    assert (before, before.recheck_after) == (NeededReads(), 30.0)
    assert needed(with_claim(), 160.0).unbound == {"database": "c"}
    unschedulable = PodFailure(Reason.POD_UNSCHEDULABLE, "no")
    assert needed(with_claim(), 160.0, database=unschedulable).unbound == {"database": "c"}
    assert not needed(with_claim(), 160.0, database=CRASH)
    assert not needed(with_claim(creationTimestamp=None), 160.0)
    assert not needed(with_claim(uid=""), 160.0)


def test_nothing_is_read_about_a_hibernating_instance() -> None:
    state = with_claim()
    state.with_spec({}, annotations={"operator.cryostat.io/hibernation": "on"})
    for key, obj in list(state.snapshot.live.items()):
        if key.kind == "Deployment":
            state.with_live({**obj, "spec": {**obj["spec"], "replicas": 0}, "status": {}})
    assert not needed(state, 1000.0, database=NOT_CREATED)


def test_the_events_of_the_failing_pod_and_of_claims_are_read() -> None:
    pods = [pod("database", "sample-db", {"running": {}}, "old"), pod("database", "sample-db", CREATING, "new")]
    found = NeededReads(uncreated=frozenset({"database"}), unbound={"storage": "c"})
    assert uids(found, pods, {"database": NOT_CREATED}) == ["new", "c"]
    assert uids(found, [], {"database": NOT_CREATED}) == ["c"]


def test_failures_are_unchanged_if_nothing_can_be_read() -> None:
    found = NeededReads(frozenset({"database"}), frozenset({"cryostat"}), {"storage": "c"})
    failures = {"database": NOT_CREATED, "cryostat": NOT_READY}
    pods = [pod("database", "sample-db", CREATING), pod("cryostat", "sample", {"running": {"startedAt": TIME}}, "a")]
    for objects in (ReadObjects(), ReadObjects(pods), ReadObjects(pods, [])):
        assert explanations(OWNER, found, failures, objects) == {}
    assert explained(found, failures, {}) == failures


def test_an_explanation_is_added_while_its_read_is_needed() -> None:
    application = pod("cryostat", "sample", {"running": {"startedAt": TIME}})
    found = NeededReads(disconnected=frozenset({"cryostat"}))
    failure = pod_failure(application)
    assert failure
    known = explanations(OWNER, found, {"cryostat": failure}, ReadObjects([application], [DENY]))
    changed = explained(found, {"cryostat": failure}, known)["cryostat"]
    assert changed.note == "NetworkPolicy deny denies egress from the pod to DNS (port 53)"
    assert changed.remedy.endswith("see kubectl logs -n here deployment/sample -c sample")
    assert changed.cause == failure.cause
    assert explained(NeededReads(), {"cryostat": failure}, known) == {"cryostat": failure}
    uncreated = NeededReads(uncreated=frozenset({"cryostat"}))
    assert explained(uncreated, {"cryostat": failure}, known) == {"cryostat": failure}, (
        "the explanation of another failure"
    )
    assert explained(NeededReads(unbound={"cryostat": "c"}), {}, known) == {}
