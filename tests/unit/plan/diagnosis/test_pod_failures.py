"""Failures that the status of a pod shows. tests/situations.yaml has more pods."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.diagnosis.pod_failures import pod_failure
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.plan.diagnosis.pods import OOM, TIME, crashed, failure, pod


def test_a_pod_that_serves_has_no_failure() -> None:
    ended = {"lastState": {"terminated": OOM}, "state": {"running": {"startedAt": TIME}}}
    assert pod_failure(pod({"name": "x-db", "ready": True, **ended})) is None
    assert pod_failure({"metadata": {"name": "a"}}) is None


def test_a_pod_that_has_ended_has_no_failure() -> None:
    found = pod(crashed(1))
    found["status"]["phase"] = "Failed"
    assert pod_failure(found) is None


def test_a_pod_that_is_deleted_is_a_failure_only_if_it_does_not_end() -> None:
    found = failure(pod(crashed(1), deletionTimestamp=TIME))
    assert (found.reason, found.reported_from) == (Reason.POD_TERMINATING, 160.0)
    assert "node n1" in found.cause
    kept = failure(pod(deletionTimestamp=TIME, finalizers=["a/b"]))
    assert "the finalizer a/b" in kept.cause


def test_a_pod_that_no_scheduler_has_processed_is_a_failure_only_if_this_lasts() -> None:
    found = pod(creationTimestamp=TIME)
    assert pod_failure(found) is None
    del found["spec"]["nodeName"]
    assert (failure(found).reason, failure(found).reported_from) == (Reason.POD_UNSCHEDULABLE, 160.0)
    found["spec"]["schedulerName"] = "mine"
    assert failure(found).remedy == "Check that mine runs"
    found["status"]["conditions"] = [{"type": "PodScheduled", "status": "True"}]
    assert pod_failure(found) is None


def test_a_readiness_gate_is_not_a_lost_node() -> None:
    found = pod()
    containers = {"type": "ContainersReady", "status": "True"}
    ready = {"type": "Ready", "status": "False", "lastTransitionTime": TIME}
    found["status"]["conditions"] = [containers, {**ready, "reason": "ReadinessGatesNotReady"}]
    found["spec"]["readinessGates"] = [{"conditionType": "a/b"}]
    gate = failure(found)
    assert (gate.reason, gate.reported_from) == (Reason.POD_NOT_READY, 160.0)
    assert gate.cause.endswith("because of the readiness gate a/b")
    found["status"]["conditions"] = [containers, ready]
    assert failure(found).reason == Reason.NODE_NOT_READY


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        ("0/1 nodes are available: 1 Insufficient cpu.", "Add a node that fits or free one, or lower spec.resources"),
        ("0/1 nodes are available: 1 Too many pods.", "Add a node, or delete pods that are not needed"),
        (
            "0/1 nodes are available: 1 node(s) exceed max volume count.",
            "Add a node, or delete pods that are not needed",
        ),
        (
            "0/1 nodes are available: 1 node(s) had volume node affinity conflict.",
            "Its PersistentVolume can be used only on other nodes, such as those of another zone: add a node there, or "
            "remove from spec.schedulingOptions what keeps the pod away from them",
        ),
        (
            "0/1 nodes are available: 1 node(s) had untolerated taint {a: b}. no new claims to deallocate,",
            "Add a node without such a taint, or add a toleration to spec.schedulingOptions.tolerations",
        ),
        (
            "0/2 nodes are available: 1 node(s) had untolerated taint {a: b}, 1 node(s) didn't match node affinity.",
            "Add a node that fits, or correct spec.schedulingOptions",
        ),
        (
            "0/2 nodes are available: 2 node(s) did not have enough free storage.",
            "Create a PersistentVolume that a node can use, or free storage of its storage class",
        ),
        (
            "0/2 nodes are available: 2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).",
            "Restore its PersistentVolume, or delete the claim to start over without the data",
        ),
        (
            '0/1 nodes are available: persistentvolumeclaim "a" bound to non-existent persistentvolume "b".',
            "Restore its PersistentVolume, or delete the claim to start over without the data",
        ),
        (
            "0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/memory-pressure: }",
            "Free memory on these nodes, or add a node",
        ),
        (
            "0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }",
            "Repair these nodes, or add a node",
        ),
        (
            "0/1 nodes are available: 1 node(s) were unschedulable",
            "Allow pods on a node again with kubectl uncordon, or add a node",
        ),
        (
            'persistentvolumeclaim "x-database" not found',
            "The operator creates the claim again when it no longer exists; see VolumesReady",
        ),
    ],
)
def test_the_remedy_depends_on_why_no_node_fits(words: str, remedy: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": words}
    labels = {"app": "x", "component": "cryostat"}
    found = pod_failure({"metadata": {"name": "x", "labels": labels}, "status": {"conditions": [condition]}})
    assert found
    assert found.remedy == remedy
    assert "preemption" not in found.cause
    assert "deallocate" not in found.cause
