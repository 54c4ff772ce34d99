"""Hibernation: the order in which Deployments stop, the kept objects, the status, and the start afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.hibernation import running
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.problems import PodFailure, Problem
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.summary import summary_of
from tests.unit.cluster_state import NAMESPACE, ClusterState, find, settled

DEPLOYMENTS = ("sample", "sample-database", "sample-reports", "sample-storage")
AVAILABLE = {"conditions": [{"type": "Available", "status": "True"}]}
REPORTS = {"reportOptions": {"replicas": 2}}
SCALED = {
    "manager": "kube-controller-manager",
    "subresource": "scale",
    "other": True,
    "fieldsV1": {"f:spec": {"f:replicas": {}}},
}


def annotated(value: str | None) -> dict[str, str]:
    return {} if value is None else {constants.ANNOTATION_HIBERNATION: value}


def awake(spec: dict[str, Any] | None = None) -> ClusterState:
    """An instance whose Deployments are available."""
    state = settled(REPORTS if spec is None else spec)
    return state.with_live(*({**each, "status": AVAILABLE} for each in deployments(state)))


def deployments(state: ClusterState) -> list[Obj]:
    return [obj for key, obj in state.snapshot.live.items() if key.kind == "Deployment"]


def with_hibernation(state: ClusterState, value: str | None = "on") -> ClusterState:
    return state.with_spec(
        state.cryostat.spec.model_dump(by_alias=True, exclude_none=True), annotations=annotated(value)
    )


def scale(state: ClusterState, *names: str, replicas: int = 0) -> ClusterState:
    """The state after the operator scaled Deployments."""
    live = [state.snapshot.live[Key("Deployment", NAMESPACE, name)] for name in names]
    return state.with_live(*({**each, "spec": {**each["spec"], "replicas": replicas}} for each in live))


def hibernated(spec: dict[str, Any] | None = None) -> ClusterState:
    state = awake(spec)
    names = [each["metadata"]["name"] for each in deployments(state)]
    return scale(with_hibernation(state), *names)


def replicas(state: ClusterState) -> dict[str, int]:
    """The planned replicas by Deployment."""
    return {
        key.name: obj["spec"]["replicas"] for key, obj in sorted(state.plan.objects.items()) if key.kind == "Deployment"
    }


def written(state: ClusterState) -> dict[str, tuple[str, ...]]:
    """Return what the operator would write: object → differing paths."""
    changes = diff(state.plan, state.snapshot, state.cryostat.metadata["uid"]).changes
    return {change.key.name: (change.verb, *change.paths) for change in changes}


def conditions(state: ClusterState, *refusals: Problem, **report: Any) -> dict[str, Obj]:
    found = status_for(state.instance, state.plan, Report(refusals, **report), "now")["conditions"]
    return {each["type"]: each for each in found}


def test_the_application_stops_before_the_database() -> None:
    state = with_hibernation(awake())
    assert replicas(state) == dict(zip(DEPLOYMENTS, (0, 1, 0, 1), strict=True))
    assert written(state) == dict.fromkeys(("sample", "sample-reports"), ("replace", "spec.replicas"))
    scale(state, "sample", "sample-reports")
    state.snapshot = replace(state.snapshot, stopping=frozenset({"cryostat"}))
    assert replicas(state)["sample-database"] == 1
    state.snapshot = replace(state.snapshot, stopping=frozenset())
    assert replicas(state) == dict.fromkeys(DEPLOYMENTS, 0)
    assert written(state) == dict.fromkeys(("sample-database", "sample-storage"), ("replace", "spec.replicas"))


def test_the_number_of_pods_in_the_status_counts() -> None:
    state = scale(with_hibernation(awake()), "sample", "sample-reports")
    live = state.snapshot.live[Key("Deployment", NAMESPACE, "sample")]
    state.with_live({**live, "status": {"replicas": 1}})
    assert replicas(state)["sample-database"] == 1


def test_a_database_that_stopped_is_not_started_for_an_application_that_others_started() -> None:
    state = scale(hibernated(), "sample", replicas=1)
    assert replicas(state) == dict.fromkeys(DEPLOYMENTS, 0)


def test_nothing_is_written_while_it_hibernates_and_all_other_objects_stay() -> None:
    state = hibernated()
    assert written(state) == {}
    assert state.plan.objects.keys() == awake().plan.objects.keys()


def test_waking_restores_the_replicas_of_the_spec() -> None:
    for value in (None, "off"):
        state = with_hibernation(hibernated(), value)
        assert replicas(state) == dict(zip(DEPLOYMENTS, (1, 1, 2, 1), strict=True))


def test_an_instance_that_is_created_hibernated_starts_no_pod() -> None:
    state = settled(REPORTS, annotations=annotated("on"))
    assert replicas(state) == dict.fromkeys(DEPLOYMENTS, 0)
    assert conditions(state)["Ready"]["reason"] == "Hibernated"


def test_hibernation_takes_precedence_over_an_autoscaler() -> None:
    state = awake()
    live = state.snapshot.live[Key("Deployment", NAMESPACE, "sample-reports")]
    live = {
        **live,
        "metadata": {**live["metadata"], "managedFields": [SCALED]},
        "spec": {**live["spec"], "replicas": 5},
    }
    state.with_live(live)
    assert replicas(state)["sample-reports"] == 5
    with_hibernation(state)
    assert replicas(state)["sample-reports"] == 0
    assert state.plan.warnings == awake().plan.warnings  # no ReplicasScaled


def test_a_blocked_deployment_is_scaled_and_its_pods_are_not_changed() -> None:
    spec = {"declarativeCredentials": [{"secretName": "login"}]}
    state = with_hibernation(awake(spec)).without_data("Secret", "login")
    key = Key("Deployment", NAMESPACE, "sample")
    live = state.snapshot.live[key]
    annotations = {**live["metadata"]["annotations"], constants.ANNOTATION_SHARED_SECRET_HASH: "former"}
    state.with_live({**live, "metadata": {**live["metadata"], "annotations": annotations}})
    assert state.plan.blocked[key].problem.reason == Reason.SECRET_NOT_FOUND
    assert written(state)["sample"] == ("replace", "spec.replicas")
    assert find(state.plan, "Deployment", "sample")["spec"]["template"] == live["spec"]["template"]
    scale(state, "sample", "sample-database", "sample-storage")
    assert written(state) == {}
    assert conditions(state)["ReferencesResolved"]["reason"] == "SecretNotFound"


def test_a_blocked_deployment_that_does_not_exist_is_not_created() -> None:
    state = settled({"declarativeCredentials": [{"secretName": "login"}]}, annotations=annotated("on"))
    state = state.without_deployments().without_data("Secret", "login")
    assert Key("Deployment", NAMESPACE, "sample") not in state.plan.objects


def test_the_status_of_an_instance_that_hibernates() -> None:
    found = conditions(hibernated())
    for kind in ("Ready", "ComponentsAvailable"):
        assert (found[kind]["status"], found[kind]["reason"]) == ("False", "Hibernated"), kind
    assert (found["Hibernation"]["status"], found["Hibernation"]["reason"]) == ("True", "Hibernated")
    assert summary_of(list(found.values())) == "Hibernated"
    assert {"Reconciled", "VolumesReady"} & set(found) == set(), "nothing is wrong with them"
    assert {"Hibernation"} & conditions(awake()).keys() == set()


def test_the_address_does_not_answer_meanwhile() -> None:
    state = ClusterState(settled().cryostat, openshift=True).settle()
    state.with_live(*({**each, "status": AVAILABLE} for each in deployments(state)))
    assert conditions(state)["Exposed"]["status"] == "True"
    with_hibernation(state)
    scale(state, *(each["metadata"]["name"] for each in deployments(state)))
    exposed = conditions(state)["Exposed"]
    assert (exposed["status"], exposed["reason"]) == ("False", "Hibernated")


def test_other_problems_have_separate_conditions() -> None:
    refused = Problem("core", Reason.QUOTA_EXCEEDED, "too much.")
    found = conditions(hibernated(), refused)
    assert (found["Ready"]["reason"], found["Reconciled"]["reason"]) == ("Hibernated", "QuotaExceeded")
    in_progress = conditions(with_hibernation(awake()), refused)
    assert in_progress["Ready"]["reason"] == "QuotaExceeded"


def test_the_status_names_what_has_not_stopped() -> None:
    state = scale(with_hibernation(awake()), "sample", "sample-reports")
    found = conditions(state)
    assert (found["Hibernation"]["status"], found["Hibernation"]["reason"]) == ("False", "Hibernating")
    assert found["Ready"]["message"] == (
        'Hibernation is in progress, because the annotation operator.cryostat.io/hibernation: "on" is set. '
        "Deployments sample-database, sample-storage have not stopped yet; database and storage stop last."
    )
    paused = conditions(state, paused=True)["Hibernation"]["message"]
    assert (
        paused == "No Deployment is scaled to 0 while the annotation operator.cryostat.io/pause-reconciliation is set."
    )
    assert found["Ready"]["reason"] == "Hibernating"
    assert running(state.instance) == ["sample-database", "sample-storage"]


def test_a_pod_that_does_not_end_is_named() -> None:
    failure = PodFailure(Reason.POD_TERMINATING, "its pod does not end")
    state = scale(with_hibernation(awake()), "sample", "sample-reports")
    state.snapshot = replace(state.snapshot, stopping=frozenset({"cryostat"}))
    assert conditions(state, pods={"cryostat": failure})["Ready"]["reason"] == "MainPodTerminating"


def test_an_instance_that_starts_again_is_not_ready_before_its_pods_are() -> None:
    state = with_hibernation(hibernated(), "off")
    outdated = {**AVAILABLE, "observedGeneration": 2}
    found = deployments(state)
    state.with_live(
        *({**each, "metadata": {**each["metadata"], "generation": 3}, "status": outdated} for each in found)
    )
    scale(state, *DEPLOYMENTS, replicas=1)
    found_conditions = conditions(state)
    assert found_conditions["Ready"]["reason"] == "DatabaseDeploymentUnavailable"
    assert found_conditions["ComponentsAvailable"]["status"] == "False"
    state.with_live(*({**each, "status": {**outdated, "replicas": 1}} for each in deployments(state)))
    assert conditions(state)["Ready"]["status"] == "True"


def test_a_deployment_with_0_replicas_is_not_available() -> None:
    spec = {**REPORTS, "declarativeCredentials": [{"secretName": "login"}]}
    state = with_hibernation(hibernated(spec), "off").without_data("Secret", "login")
    found = conditions(state)["ComponentsAvailable"]
    assert (found["status"], found["reason"]) == ("False", "DatabaseDeploymentUnavailable")
    state = scale(awake(), "sample-reports")
    assert conditions(state)["Ready"]["message"] == "Deployment sample-reports is not ready: it is scaled to 0."
    live = state.snapshot.live[Key("Deployment", NAMESPACE, "sample-reports")]
    state.with_live({**live, "metadata": {**live["metadata"], "managedFields": [SCALED]}})
    assert conditions(state)["Ready"]["status"] == "True"  # an autoscaler needs none at the moment


def test_no_deployment_counts_as_available_while_others_stop() -> None:
    state = scale(with_hibernation(awake()), "sample", "sample-reports")
    found = conditions(state)["ComponentsAvailable"]
    assert (found["status"], found["reason"]) == ("False", "Hibernating")
    assert found["message"] == "Deployments are being stopped. See Hibernation for the cause."
    assert conditions(state, paused=True)["ComponentsAvailable"]["reason"] == "MainDeploymentUnavailable"
    assert "ComponentsAvailable" not in conditions(with_hibernation(awake()))


def test_a_deployment_that_starts_is_no_cause() -> None:
    state = with_hibernation(settled())
    assert conditions(state)["Ready"]["reason"] == "Hibernating"


@pytest.mark.parametrize("value", ["On", "true", "", "x" * 100])
def test_another_value_has_no_effect_and_is_reported(value: str) -> None:
    state = with_hibernation(awake(), value)
    assert written(state) == {}
    found = conditions(state)
    assert (found["Hibernation"]["status"], found["Hibernation"]["reason"]) == ("False", "HibernationInvalid")
    assert f'"{value[:40]}"' in found["Hibernation"]["message"]
    assert found["Ready"]["status"] == "True"


def test_a_pause_takes_precedence() -> None:
    found = conditions(with_hibernation(awake()), paused=True)
    assert (found["Ready"]["reason"], found["Hibernation"]["reason"]) == ("Paused", "Paused")
    assert conditions(hibernated(), paused=True)["Hibernation"]["reason"] == "Hibernated"


def test_keys_are_recorded_only_if_a_pod_runs_with_them() -> None:
    keys = {"CONNECTION_KEY": "a", "ENCRYPTION_KEY": "b"}
    done = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    status = {"conditions": [*AVAILABLE["conditions"], done], "updatedReplicas": 1, "availableReplicas": 1}
    for state, recorded in ((awake({}), True), (hibernated({}), False)):
        state.with_live(*({**each, "status": status} for each in deployments(state)))
        state.with_data("Secret", "sample-db", digest=state.snapshot.data["Secret", "sample-db"].digest, **keys)  # type: ignore[union-attr]
        claim = find(state.plan, "PersistentVolumeClaim", "sample-database")
        annotations = claim["metadata"].get("annotations") or {}
        assert (constants.ANNOTATION_DATABASE_KEYS in annotations) is recorded
