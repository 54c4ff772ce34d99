"""Why a Deployment is not available."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.diagnosis.deployment_health import (
    UnavailableCause,
    deployment_conditions,
    unavailable_cause,
)
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.problems import PodFailure
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat

NAME = "sample-database"
AVAILABLE = {"type": "Available", "status": "True"}
UNAVAILABLE = {"type": "Available", "status": "False", "message": "Deployment does not have minimum availability."}
PROGRESSING = {"type": "Progressing", "status": "True"}
FAILED = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods"}
CRASH = PodFailure(Reason.CONTAINER_CRASHED, "container c ended with exit code 1", "See the log", "c")
UNBOUND = PodFailure(Reason.VOLUME_PENDING, "its PersistentVolumeClaim is not bound to a volume", since=100.0)


def live(kind: str, **status: Any) -> Obj:
    return {"kind": kind, "metadata": {"name": NAME, "namespace": NAMESPACE}, "status": status}


def cause(*objects: Obj, pod_failure: PodFailure | None = None, **spec: Any) -> UnavailableCause | None:
    annotations = {constants.ANNOTATION_ALLOW_DATA_LOSS: "true"}
    state = ClusterState(cryostat(spec, annotations=annotations)).with_live(*objects)
    return unavailable_cause(state.instance, NAME, pod_failure)


@pytest.mark.parametrize(
    ("conditions", "pod_failure", "phase", "reason", "message"),
    [
        ([FAILED, AVAILABLE], CRASH, "Pending", Reason.REPLICA_FAILURE, "exceeded quota: pods"),
        (
            [{**FAILED, "status": "False"}, AVAILABLE],
            CRASH,
            "Pending",
            Reason.CONTAINER_CRASHED,
            "exit code 1. See the log.",
        ),
        ([UNAVAILABLE], None, "Pending", Reason.VOLUME_PENDING, "is not bound to a volume"),
        ([UNAVAILABLE], UNBOUND, "Pending", Reason.VOLUME_PENDING, "Check that a default StorageClass exists"),
        ([UNAVAILABLE], None, "Bound", Reason.DEPLOYMENT_UNAVAILABLE, "its pods are not ready yet"),
        ([], None, "Bound", Reason.DEPLOYMENT_UNAVAILABLE, "its controller has not observed it"),
        ([PROGRESSING], None, "Bound", Reason.DEPLOYMENT_UNAVAILABLE, "it has no pod yet"),
    ],
)
def test_the_first_cause_that_the_cluster_reports(
    conditions: list[Obj], pod_failure: PodFailure | None, phase: str, reason: Reason, message: str
) -> None:
    claim = live("PersistentVolumeClaim", phase=phase)
    found = cause(live("Deployment", conditions=conditions), claim, pod_failure=pod_failure)
    assert found
    assert found.reason == reason
    assert NAME in found.message
    assert message in found.message


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "spec.storageOptions.database.pvc"),
        ({"database": {"pvc": {}}, "pvc": {}}, "spec.storageOptions.database.pvc"),
        ({"pvc": {}}, "spec.storageOptions.pvc"),
    ],
)
def test_the_field_with_the_class_of_a_claim_is_named(options: Obj, field: str) -> None:
    claim = live("PersistentVolumeClaim", phase="Pending")
    found = cause(live("Deployment", conditions=[UNAVAILABLE]), claim, storageOptions=options)
    assert found
    assert f"for another one set {field}.spec.storageClassName and delete the claim" in found.message


def test_a_claim_that_is_not_used_is_no_cause() -> None:
    claim = live("PersistentVolumeClaim", phase="Pending")
    options = {"database": {"emptyDir": {"enabled": True}}}
    found = cause(live("Deployment", conditions=[UNAVAILABLE]), claim, storageOptions=options)
    assert found
    assert found.message == f"Deployment {NAME} is not ready: its pods are not ready yet."


def test_a_deployment_that_no_controller_observes_is_reported_after_a_minute() -> None:
    deployment = live("Deployment", conditions=[])
    assert cause(deployment) == UnavailableCause(
        Reason.DEPLOYMENT_UNAVAILABLE,
        f"Deployment {NAME} is not ready: its controller has not observed it (status.observedGeneration is empty), so "
        "it has no pod. If this lasts, check the kube-controller-manager of the cluster.",
        f"Deployment {NAME}",
    )
    deployment["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    found = cause(deployment)
    assert found
    assert found.lasting_from == 1767225600.0 + 60
    deployment["status"]["observedGeneration"] = 1
    assert "it has no pod yet" in str(cause(deployment))


@pytest.mark.parametrize(
    ("status", "second", "reason"),
    [
        ("False", 10, Reason.POD_NOT_RUNNING),
        ("False", 55, Reason.POD_NOT_RUNNING),
        ("False", 120, Reason.DEPLOYMENT_UNAVAILABLE),  # another pod has served since
        ("True", 10, Reason.DEPLOYMENT_UNAVAILABLE),  # as after it was scaled up
    ],
)
def test_a_pod_that_was_ended_explains_no_later_rollout(status: str, second: int, reason: Reason) -> None:
    evicted = PodFailure(Reason.POD_NOT_RUNNING, "its previous pod failed (Evicted)", since=0.0, ended=True)
    time = f"1970-01-01T00:{second // 60:02}:{second % 60:02}Z"
    deployment = live("Deployment", conditions=[{**UNAVAILABLE, "status": status, "lastTransitionTime": time}])
    deployment["metadata"]["generation"], deployment["status"]["observedGeneration"] = 2, 1
    found = cause(deployment, pod_failure=evicted)
    assert found
    assert found.reason == reason


def test_a_deployment_of_whose_pods_nothing_is_known_says_since_when_and_what_to_run() -> None:
    since = {**UNAVAILABLE, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    found = cause(live("Deployment", conditions=[since]))
    assert found == UnavailableCause(
        Reason.DEPLOYMENT_UNAVAILABLE,
        f"Deployment {NAME} is not ready: it has had no ready pod since 2026-01-01T00:00:00Z. "
        "If this lasts, see kubectl describe pods -n here -l app=sample,component=database.",
        NAME,
        1767225600.0 + 60,
    )


def test_an_available_deployment_has_no_cause() -> None:
    claim = live("PersistentVolumeClaim", phase="Pending")
    assert cause(live("Deployment", conditions=[AVAILABLE]), claim) is None


def test_a_deployment_that_does_not_exist() -> None:
    found = cause()
    assert found == UnavailableCause(Reason.DEPLOYMENT_PENDING, f"Deployment {NAME} does not exist yet")


def test_a_deployment_whose_previous_pods_terminate() -> None:
    state = ClusterState(cryostat())
    state.snapshot = replace(state.snapshot, terminating=frozenset({Key("Deployment", NAMESPACE, NAME)}))
    found = unavailable_cause(state.instance, NAME, None)
    assert found
    assert (
        found.message == "Deployment sample-database is created again when the pods of the previous one have terminated"
    )


def test_a_deployment_without_a_status_has_no_conditions() -> None:
    assert deployment_conditions(None) == deployment_conditions({"status": None}) == {}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            'pods "x-6d4b-" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1',
            "Deployment sample-database cannot create pods: exceeded quota: small, requested: pods=1, used: pods=1, "
            "limited: pods=1. Raise pods in spec.hard of ResourceQuota here/small",
        ),
        (
            'pods "x-6d4b-" is forbidden: violates PodSecurity "restricted:latest": x',
            "enforce=baseline on namespace here",
        ),
        (
            'pods "x-6d4b-" is forbidden: no',
            "Change the policy or webhook that refuses this, or the setting of the spec that it names; Kubernetes "
            "tries again by itself.",
        ),
        ('error looking up service account here/x: serviceaccount "x" not found', "creates the ServiceAccount again"),
    ],
)
def test_a_refusal_of_pods_is_quoted_without_their_names(words: str, said: str) -> None:
    found = cause(live("Deployment", conditions=[{**FAILED, "message": words}]))
    assert found
    assert said in found.message
    assert "6d4b" not in found.message


def test_a_claim_is_named_with_its_class_and_field() -> None:
    claim = live("PersistentVolumeClaim", phase="Pending") | {"spec": {"storageClassName": "fast"}}
    found = cause(live("Deployment", conditions=[UNAVAILABLE]), claim, pod_failure=UNBOUND)
    assert found
    assert "StorageClass fast exists" in found.message
    assert "spec.storageOptions.database.pvc.spec.storageClassName" in found.message
    assert found.lasting_from == 160.0


def test_a_claim_of_a_volume_without_a_class_waits_for_this_volume() -> None:
    claim = live("PersistentVolumeClaim", phase="Pending") | {"spec": {"storageClassName": "", "volumeName": "pv-1"}}
    found = cause(live("Deployment", conditions=[UNAVAILABLE]), claim, pod_failure=UNBOUND)
    assert found
    assert "Create PersistentVolume pv-1, which spec.storageOptions.database.pvc.spec.volumeName names" in found.message


def test_a_refusal_of_pods_lasts_after_some_seconds() -> None:
    refused = {**FAILED, "lastTransitionTime": "1970-01-01T00:01:40Z"}
    found = cause(live("Deployment", conditions=[refused]))
    assert found
    assert found.lasting_from == 110.0
