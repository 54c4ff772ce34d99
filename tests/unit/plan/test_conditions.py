"""The status of a Cryostat: which problem makes which condition False, and what `Ready` names."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan.conditions import CONDITION_RULES, Report, failure_status, status_for
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.problems import PodFailure, Problem
from cryostat_operator.plan.model.reason_groups import COMPONENT_REASONS
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.cluster_state import ClusterState, settled

AVAILABLE = {"conditions": [{"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"}]}
NOW = "2026-01-02T03:04:05Z"
EARLIER = "2026-01-01T00:00:00Z"


def running(spec: dict[str, Any] | None = None, **options: Any) -> ClusterState:
    """A Cryostat whose Deployments are available."""
    state = settled(spec, **options)
    deployments = [obj for key, obj in state.snapshot.live.items() if key.kind == "Deployment"]
    return state.with_live(*({**obj, "status": AVAILABLE} for obj in deployments))


def conditions(state: ClusterState, *refusals: Problem, **report: Any) -> dict[str, Obj]:
    status = status_for(state.instance, state.plan, Report(refusals, **report), NOW)
    return {condition["type"]: condition for condition in status["conditions"]}


def test_ready_when_everything_runs() -> None:
    found = conditions(running())
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("True", "AllComponentsAvailable")
    assert {rule.type for rule in CONDITION_RULES if rule.type in found} == set()


@pytest.mark.parametrize(
    ("spec", "openshift", "further"),
    [
        ({}, False, {"AgentsAuthenticated"}),
        ({"enableCertManager": True}, False, set()),
        ({"enableCertManager": True}, True, {"Exposed"}),
        ({"enableCertManager": True, "reportOptions": {"replicas": 1}}, True, {"Exposed"}),
    ],
)
def test_a_healthy_instance_has_few_conditions(spec: dict[str, Any], openshift: bool, further: set[str]) -> None:
    """A condition that would only repeat that `Ready` is True is left out."""
    found = conditions(running(spec, openshift=openshift))
    own = {kind for kind in found if "Deployment" not in kind}
    assert own == {"Ready", "AuthenticationEnabled", "TLSSetupComplete"} | further
    assert {kind for kind, each in found.items() if each["status"] != "True"} == further - {"Exposed"}


@pytest.mark.parametrize(
    ("reason", "condition"),
    [
        (Reason.SECRET_NOT_FOUND, "ReferencesResolved"),
        (Reason.NAMESPACE_TERMINATING, "TargetNamespacesReady"),
        (Reason.DATABASE_SECRET_LOST, "DatabaseKeysReady"),
        (Reason.VOLUME_LOST, "VolumesReady"),
        (Reason.ROUTE_INVALID, "Exposed"),
        (Reason.QUOTA_EXCEEDED, "Reconciled"),
    ],
)
def test_a_problem_is_in_one_condition_and_in_ready(reason: Reason, condition: str) -> None:
    found = conditions(running(), Problem("core", reason, "what failed."))
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", reason)
    rules = {rule.type for rule in CONDITION_RULES}
    false = {kind for kind, each in found.items() if each["status"] == "False" and kind in rules}
    assert false == {condition}
    assert found[condition]["reason"] == reason
    assert found[condition]["message"] == "what failed."


def test_reconciled_refers_to_the_condition_that_has_the_cause() -> None:
    unavailable = Problem("tls", Reason.CERT_MANAGER_UNAVAILABLE, "It is not installed.")
    claim = Problem("core", Reason.QUOTA_EXCEEDED, "Too large.", dedup_key="PersistentVolumeClaim here/sample-database")
    found = conditions(running({"enableCertManager": True}), unavailable, claim)
    assert found["TLSSetupComplete"]["message"] == "It is not installed."
    assert found["VolumesReady"]["message"] == "Too large."
    assert (found["Reconciled"]["status"], found["Reconciled"]["reason"]) == ("False", "CertManagerUnavailable")
    assert found["Reconciled"]["message"] == (
        "Some objects are not as the spec requests. See TLSSetupComplete and VolumesReady for the cause."
    )
    service = Problem("core", Reason.FORBIDDEN, "Service x is refused.")
    found = conditions(running(), unavailable, service)
    assert (found["Reconciled"]["reason"], found["Reconciled"]["message"]) == ("Forbidden", "Service x is refused.")


@pytest.mark.parametrize(
    "dedup_key", ["PersistentVolumeClaim here/sample-database repeatedly", "PersistentVolumeClaim here/former-database"]
)
def test_reconciled_has_the_problem_of_a_claim_that_no_other_condition_shows(dedup_key: str) -> None:
    """Another client changes the claim again and again, or it is not in use and cannot be deleted."""
    found = conditions(running(), Problem("core", Reason.CHANGED_BY_OTHERS, "It is.", dedup_key=dedup_key))
    assert "VolumesReady" not in found
    assert (found["Reconciled"]["reason"], found["Reconciled"]["message"]) == ("ChangedByOthers", "It is.")


def test_a_non_blocking_reason_leaves_ready_true() -> None:
    found = conditions(running(), Problem("core", Reason.CHANGED_BY_OTHERS, "changed."))
    assert found["Ready"]["status"] == "True"
    assert found["Reconciled"]["reason"] == "ChangedByOthers"


def test_actionable_problems_precede_those_that_end_by_themselves() -> None:
    waiting = Problem("core", Reason.SECRET_PENDING, "waits.")
    refused = Problem("core", Reason.QUOTA_EXCEEDED, "too much.")
    found = conditions(running(), waiting, refused)
    assert found["Reconciled"]["message"] == "too much. waits."
    assert found["Ready"]["reason"] == "QuotaExceeded"


def test_ready_names_the_component_whose_deployment_is_not_available() -> None:
    state = running()
    failure = PodFailure(Reason.IMAGE_PULL_FAILED, "container x cannot pull its image (ImagePullBackOff)")
    found = conditions(state, pods={"storage": failure})
    assert found["Ready"]["reason"] == "StorageImagePullFailed"
    assert found["Ready"]["reason"].removeprefix("Storage") in COMPONENT_REASONS
    assert "ImagePullBackOff" in found["Ready"]["message"]


def test_a_paused_cryostat_is_not_ready() -> None:
    found = conditions(running(), paused=True)
    assert (found["Ready"]["status"], found["Ready"]["reason"]) == ("False", "Paused")
    assert found["ReconciliationActive"]["status"] == "False"
    assert found["ReconciliationActive"]["message"] == "No object of this Cryostat is changed. See Ready for the cause."


def test_a_transition_time_changes_with_the_status_only() -> None:
    state = running()
    before = status_for(state.instance, state.plan, Report(), EARLIER)
    body = {"metadata": state.cryostat.metadata, "spec": {}, "status": before}
    state.cryostat = type(state.cryostat).model_validate(body)
    found = conditions(state, Problem("core", Reason.QUOTA_EXCEEDED, "too much."))
    assert found["Ready"]["lastTransitionTime"] == NOW
    assert found["AuthenticationEnabled"]["lastTransitionTime"] == EARLIER


def test_conditions_of_the_go_operator_do_not_remain_unless_they_are_observed() -> None:
    kinds = ("TLSSetupComplete", "StorageDeploymentReplicaFailure", "ReportsDeploymentAvailable", "SomethingElse")
    left = [
        {"type": kind, "status": "True", "reason": "Old", "message": "m", "lastTransitionTime": EARLIER}
        for kind in kinds
    ]
    state = running()
    body = {"metadata": state.cryostat.metadata, "spec": {}, "status": {"conditions": left}}
    state.cryostat = type(state.cryostat).model_validate(body)
    found = conditions(state)
    assert found.keys() & set(kinds) == {"TLSSetupComplete"}, "there are no report generators"
    assert found["TLSSetupComplete"]["reason"] == "CertManagerDisabled"
    failure = failure_status(1, (Reason.INVALID_SPEC, "spec.x is unknown"), left, NOW)
    assert {each["reason"] for each in failure["conditions"]} == {"InvalidSpec", "NotObserved"}


def test_after_a_failed_reconcile_nothing_is_known_but_its_cause() -> None:
    other = {"type": "Exposed", "status": "True", "lastTransitionTime": EARLIER, "observedGeneration": 6}
    status = failure_status(7, (Reason.INVALID_SPEC, "spec.x is unknown"), [{"type": "Ready"}, other], NOW)
    assert status["observedGeneration"] == 7
    [ready, unknown] = status["conditions"]
    assert (ready["status"], ready["reason"], ready["lastTransitionTime"]) == ("False", "InvalidSpec", NOW)
    assert unknown == {
        "type": "Exposed",
        "status": "Unknown",
        "reason": "NotObserved",
        "message": "The operator could not observe this. See Ready for the cause.",
        "lastTransitionTime": NOW,
        "observedGeneration": 6,
    }
    again = failure_status(7, (Reason.INVALID_SPEC, "spec.x is unknown"), status["conditions"], "2030-01-01T00:00:00Z")
    assert again == status
