"""Pods that the kubelet ended as a whole."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.diagnosis.ended_pods import ended_pod_failure
from cryostat_operator.plan.model.kinds import Obj

CHANGES = [{"type": "Ready", "lastTransitionTime": "2026-01-01T00:00:10Z"}, {"lastTransitionTime": None}]
LOW = (
    "The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, available: 900Mi. "
    "Container sample-db was using 5Mi, request is 0, has larger consumption of ephemeral-storage. "
)


def pod(component: str = "database", **status: object) -> Obj:
    labels = {"app": "sample", "component": component}
    return {"metadata": {"name": "p", "labels": labels}, "spec": {"nodeName": "node-1"}, "status": status}


@pytest.mark.parametrize(
    ("component", "reason", "words", "cause", "remedy"),
    [
        (
            "database",
            "Evicted",
            LOW,
            "Evicted: The node was low on resource: ephemeral-storage",
            "Free ephemeral-storage on node node-1, or add a node with more of it",
        ),
        (
            "storage",
            "Evicted",
            'Usage of EmptyDir volume "sample-storage" exceeds the limit "1Gi".',
            'Evicted: Usage of EmptyDir volume "sample-storage" exceeds the limit "1Gi"',
            "Raise spec.storageOptions.objectStorage.emptyDir.sizeLimit, or use a claim",
        ),
        (
            "reports",
            "Evicted",
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
            "Evicted: Pod ephemeral local storage usage exceeds the total limit of containers 1Gi",
            "Raise limits.ephemeral-storage in spec.reportOptions.resources",
        ),
        (
            "cryostat",
            "OutOfcpu",
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 500, used: 7600, capacity: 8000",
            "OutOfcpu: Pod was rejected: Node didn't have enough resource: cpu",
            "Free cpu on node node-1, or add a node with more of it",
        ),
        (
            "cryostat",
            "NodeAffinity",
            "",
            "NodeAffinity",
            "Remove this cause; Kubernetes creates the next pod by itself",
        ),
    ],
)
def test_an_eviction_names_node_cause_and_remedy(
    component: str, reason: str, words: str, cause: str, remedy: str
) -> None:
    found = ended_pod_failure(pod(component, phase="Failed", reason=reason, message=words, conditions=CHANGES))
    assert found
    assert found.cause == f"its previous pod failed on node node-1 ({cause})"
    assert found.remedy == remedy
    assert (found.since, found.ended) == (1767225610.0, True)


@pytest.mark.parametrize("status", [{"phase": "Failed"}, {"phase": "Running", "reason": "NodeLost"}, {}])
def test_other_pods_were_not_ended(status: Obj) -> None:
    assert ended_pod_failure(pod(**status)) is None
