"""Which cause `Ready` names, and what `ComponentsAvailable` lists."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.problems import PodFailure, Problem
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, settled

AVAILABLE = {"conditions": [{"type": "Available", "status": "True"}]}
REFUSED = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: few"}
UNAVAILABLE = {"type": "Available", "status": "False"}
CRASH = PodFailure(Reason.CONTAINER_CRASHED, "container x ended")


def with_status(state: ClusterState, status: Obj, *names: str) -> ClusterState:
    deployments = [obj for key, obj in state.snapshot.live.items() if key.kind == "Deployment" and key.name in names]
    return state.with_live(*({**obj, "status": status} for obj in deployments))


def running(spec: dict[str, Any] | None = None) -> ClusterState:
    return with_status(settled(spec), AVAILABLE, "sample", "sample-database", "sample-storage")


def conditions(state: ClusterState, *refusals: Problem, **report: Any) -> dict[str, Obj]:
    found = status_for(state.instance, state.plan, Report(refusals, **report), "now")["conditions"]
    return {each["type"]: each for each in found}


def test_the_database_is_named_before_the_application_that_needs_it() -> None:
    found = conditions(running(), pods={"cryostat": CRASH, "database": CRASH})
    assert found["Ready"]["reason"] == "DatabaseContainerCrashed"
    assert found["ComponentsAvailable"]["status"] == "False"
    assert found["Ready"]["message"] == "Deployment sample-database is not ready: container x ended."
    assert found["ComponentsAvailable"]["message"] == (
        "Deployments sample-database and sample are not ready. See Ready for the cause."
    )


def test_the_certificate_that_a_deployment_waits_for_is_named_in_its_place() -> None:
    state = settled({"enableCertManager": True})
    certificate = Key("Certificate", NAMESPACE, "sample-database")
    waiting = {"conditions": [{"type": "Ready", "status": "False", "message": "the order is pending"}]}
    state.with_live({**state.snapshot.live[certificate], "status": waiting})
    live = {key: obj for key, obj in state.snapshot.live.items() if key.kind != "Deployment"}
    state.snapshot = type(state.snapshot)(**{**vars(state.snapshot), "live": live})
    found = conditions(state)
    assert found["Ready"]["reason"] == "WaitingForCertificate"
    assert "the order is pending" in found["Ready"]["message"]
    assert "the order is pending" in found["TLSSetupComplete"]["message"]


def test_a_wait_that_lasts_is_a_problem() -> None:
    state = settled({"enableCertManager": True})
    certificate = Key("Certificate", NAMESPACE, "sample-database")
    state.with_live({**state.snapshot.live[certificate], "status": {}})
    found = conditions(state, lasting=frozenset({Reason.WAITING_FOR_CERTIFICATE}))
    for kind in ("Ready", "TLSSetupComplete"):
        assert found[kind]["reason"] == "CertificateNotIssued"
        assert found[kind]["message"] == (
            "Certificate here/sample-database is not ready: cert-manager has not reported its status. This has lasted "
            "for more than a minute: check that cert-manager runs, and see kubectl -n here describe certificate "
            "sample-database."
        )


def test_the_cause_of_a_lasting_wait_is_named_first() -> None:
    state = running()
    waiting = Problem("core", Reason.SECRET_PENDING, "Deployment sample waits.")
    certificate = Problem("tls", Reason.WAITING_FOR_CERTIFICATE, "Certificate a is not ready.")
    lasting = frozenset({Reason.SECRET_PENDING, Reason.WAITING_FOR_CERTIFICATE})
    refused = Problem("core", Reason.FORBIDDEN, "The Secret is refused.")
    for problems, reason in (
        ([waiting, certificate, refused], "Forbidden"),
        ([waiting, certificate], "CertificateNotIssued"),
        ([waiting], "SecretNotGenerated"),
    ):
        assert conditions(state, *problems, lasting=lasting)["Ready"]["reason"] == reason
    # A Deployment that does not serve is the cause of a restart that waits for it.
    rolling = Problem("core", Reason.ROLLING_IN_ORDER, "Deployment sample waits.")
    found = conditions(state, rolling, pods={"database": CRASH}, lasting=frozenset({Reason.ROLLING_IN_ORDER}))
    assert found["Ready"]["reason"] == "DatabaseContainerCrashed"
    assert found["Reconciled"]["reason"] == "RolloutNotFinished"


def test_a_blocked_deployment_reports_that_its_wait_lasts() -> None:
    state = running()
    state.without_data("Secret", "sample-db")
    main = Key("Deployment", NAMESPACE, "sample-database")
    live = {key: obj for key, obj in state.snapshot.live.items() if key.kind != "PersistentVolumeClaim"}
    state.snapshot = type(state.snapshot)(**{**vars(state.snapshot), "live": live})
    assert state.plan.blocked[main].problem.reason == Reason.SECRET_PENDING
    assert conditions(state)["Ready"]["reason"] == "SecretPending"
    found = conditions(state, lasting=frozenset({Reason.SECRET_PENDING}))
    assert found["Ready"]["reason"] == found["Reconciled"]["reason"] == "SecretNotGenerated"


@pytest.mark.parametrize(
    ("kind", "name", "works"),
    [
        ("Deployment", "x-database", False),
        ("Service", "x", False),
        ("Service", "x-storage", False),
        ("Service", "x-agent", True),
        ("Deployment", "x-reports", True),
    ],
)
def test_the_application_is_available_if_it_database_and_storage_are(kind: str, name: str, works: bool) -> None:
    state = running({"reportOptions": {"replicas": 1}})
    name = name.replace("x", NAME, 1)
    live = {key: obj for key, obj in state.snapshot.live.items() if (key.kind, key.name) != (kind, name)}
    state.snapshot = replace(state.snapshot, live=live)
    found = conditions(state, Problem("core", Reason.QUOTA_EXCEEDED, "a is too much."))
    assert ("The application is available" in found["Ready"]["message"]) is works


def test_the_first_problem_is_whole_and_the_others_are_counted() -> None:
    refused = [Problem("core", Reason.QUOTA_EXCEEDED, f"{name} is too much.") for name in "abc"]
    found = conditions(running(), *refused)
    assert found["Ready"]["message"] == "a is too much (and 2 more). The application is available."
    assert found["Reconciled"]["message"] == "a is too much. b is too much. c is too much."


def test_an_application_that_does_not_serve_is_not_called_available() -> None:
    found = conditions(settled(), Problem("core", Reason.QUOTA_EXCEEDED, "too much."))
    assert found["Ready"]["message"] == "too much."


def test_refused_pods_are_false_in_a_condition_that_is_true_in_the_good_state() -> None:
    state = with_status(running(), {"conditions": [REFUSED]}, "sample-storage")
    found = conditions(state)
    assert found["StorageDeploymentReplicaFailure"]["status"] == "True"
    components = found["ComponentsAvailable"]
    assert (components["status"], components["reason"]) == ("False", "StorageReplicaFailure")
    assert "exceeded quota: few" in found["Ready"]["message"]
    assert components["message"] == "Deployment sample-storage is not ready. See Ready for the cause."
    pods_and_refusal = conditions(state, Problem("core", Reason.QUOTA_EXCEEDED, "too much."))
    assert "exceeded quota: few" in pods_and_refusal["ComponentsAvailable"]["message"]
    assert not any("ReplicaFailure" in kind for kind in conditions(running()))
    assert "ComponentsAvailable" not in conditions(running())


def test_a_cause_that_several_deployments_share_is_reported_once() -> None:
    state = with_status(running(), {"conditions": [REFUSED]}, "sample", "sample-storage")
    found = conditions(state)
    assert found["Ready"]["message"].startswith("Deployment sample-storage cannot create pods: exceeded quota: few")
    assert found["ComponentsAvailable"]["message"] == (
        "Deployments sample-storage and sample are not ready. See Ready for the cause."
    )
    other = Problem("core", Reason.QUOTA_EXCEEDED, "too much.")
    components = conditions(state, other)["ComponentsAvailable"]["message"]
    assert components.startswith("Deployments sample-storage and sample cannot create pods: exceeded quota: few")
    assert components.count("exceeded quota") == 1
    crashes = conditions(running(), other, pods={"cryostat": CRASH, "database": CRASH})["ComponentsAvailable"]
    assert crashes["message"] == "Deployments sample-database and sample are not ready: container x ended."
    claim = state.snapshot.live[Key("PersistentVolumeClaim", NAMESPACE, "sample-database")]
    pending = settled().with_live({**claim, "status": {"phase": "Pending"}})
    waits = PodFailure(Reason.VOLUME_PENDING, "its claim is not bound")
    unbound = conditions(pending, other, pods={"database": waits})["ComponentsAvailable"]["message"]
    assert unbound.startswith(
        "PersistentVolumeClaim sample-database is not bound to a volume, without which Deployment sample-"
    )


def test_an_eviction_is_named_only_while_no_pod_serves() -> None:
    evicted = PodFailure(Reason.POD_NOT_RUNNING, "its previous pod failed (Evicted)", "Free space", ended=True)
    assert conditions(running(), pods={"database": evicted})["Ready"]["status"] == "True"
    stopped = with_status(running(), {"conditions": [{"type": "Available", "status": "False"}]}, "sample-database")
    ready = conditions(stopped, pods={"database": evicted})["Ready"]
    assert ready["message"] == (
        "Deployment sample-database is not ready: its previous pod failed (Evicted). Free space."
    )


def test_deployments_that_start_are_listed_after_causes() -> None:
    state = with_status(settled(), AVAILABLE, "sample-storage")
    found = conditions(state, pods={"cryostat": CRASH})["ComponentsAvailable"]
    assert found["reason"] == "MainContainerCrashed"
    assert found["message"].endswith("Not available yet: Deployment sample-database. See Ready for the first cause.")
    long_ago = {**UNAVAILABLE, "lastTransitionTime": "2026-01-01T00:00:00Z"}
    waiting = with_status(running(), {"conditions": [long_ago]}, "sample-database")
    other = Problem("core", Reason.QUOTA_EXCEEDED, "too much.")
    found = conditions(waiting, other)["ComponentsAvailable"]
    assert found["message"].startswith(
        "Not available yet: Deployment sample-database. Deployment sample-database is not"
    )


def test_a_problem_does_not_hide_that_a_deployment_is_not_available() -> None:
    other = Problem("core", Reason.QUOTA_EXCEEDED, "too much.")
    found = conditions(running(), other, pods={"database": CRASH})["Ready"]
    assert found["message"] == "too much. A Deployment is not available either: see ComponentsAvailable."
