"""What to do about events of pods and claims. tests/situations.yaml has the usual ones."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.diagnosis.event_remedies import ClaimFacts, cause_of_claim, remedy_for_pod
from cryostat_operator.plan.model.problems import ReportedEvent

POD = {"metadata": {"namespace": "here", "labels": {"app": "x"}}, "spec": {"nodeName": "n1"}}
FIELD = "spec.storageOptions.database.pvc.spec.storageClassName"
OTHER = f"Remove this cause; for another StorageClass set {FIELD} and delete the claim"


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("mkdir /var/lib/kubelet/pods: no space left on device", "Free disk space on node n1"),
        ("network is not ready: cni plugin not initialized", "Repair the network plugin of node n1"),
        (
            "persistentvolumeclaim 'x-database' not found",
            "The operator creates the claim again when it no longer exists; see VolumesReady",
        ),
        ("", "Remove this cause; the kubelet tries again by itself"),
    ],
)
def test_remedies_for_pods(text: str, remedy: str) -> None:
    assert remedy_for_pod(POD, ReportedEvent("FailedMount", "kubelet", text)) == remedy


@pytest.mark.parametrize(
    ("text", "storage_class"),
    [
        ("storageclass.storage.k8s.io 'slow' not found", "fast"),
        ("storageclass.storage.k8s.io 'slow' not found", None),
        ("no persistent volumes available for this claim and no storage class is set", "fast"),
    ],
)
def test_an_event_that_does_not_fit_the_claim_is_quoted_only(text: str, storage_class: str | None) -> None:
    """It is older than the claim's class, or was made up."""
    found = cause_of_claim(ReportedEvent("A", "b", text), ClaimFacts(storage_class, FIELD, "Wait"))
    assert found == (f'no volume was created for it (event A of b: "{text}")', OTHER)
