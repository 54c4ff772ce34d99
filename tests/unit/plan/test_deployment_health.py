"""Why a Deployment is not available."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.plan.deployment_health import Cause, deployment_conditions, unavailable_cause
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat

NAME = "sample-database"
AVAILABLE = {"type": "Available", "status": "True"}
UNAVAILABLE = {"type": "Available", "status": "False", "message": "Deployment does not have minimum availability."}
FAILED = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods"}


def live(kind: str, **status: Any) -> Obj:
    return {"kind": kind, "metadata": {"name": NAME, "namespace": NAMESPACE}, "status": status}


def cause(*objects: Obj, pod_failure: str | None = None) -> Cause | None:
    state = ClusterState(cryostat()).with_live(*objects)
    return unavailable_cause(state.instance, NAME, pod_failure)


@pytest.mark.parametrize(
    ("conditions", "pod_failure", "phase", "reason", "message"),
    [
        ([FAILED, AVAILABLE], "crash", "Pending", Reason.REPLICA_FAILURE, "exceeded quota: pods"),
        ([{**FAILED, "status": "False"}, AVAILABLE], "crash", "Pending", Reason.POD_NOT_RUNNING, "crash"),
        ([UNAVAILABLE], None, "Pending", Reason.VOLUME_PENDING, "is not bound to a volume"),
        ([UNAVAILABLE], None, "Bound", Reason.DEPLOYMENT_UNAVAILABLE, "minimum availability"),
        ([], None, "Bound", Reason.DEPLOYMENT_UNAVAILABLE, "no pod has been started"),
    ],
)
def test_the_first_cause_that_the_cluster_reports(
    conditions: list[Obj], pod_failure: str | None, phase: str, reason: Reason, message: str
) -> None:
    claim = live("PersistentVolumeClaim", phase=phase)
    found = cause(live("Deployment", conditions=conditions), claim, pod_failure=pod_failure)
    assert found
    assert found.reason == reason
    assert NAME in found.message
    assert message in found.message


def test_an_available_deployment_has_no_cause() -> None:
    claim = live("PersistentVolumeClaim", phase="Pending")
    assert cause(live("Deployment", conditions=[AVAILABLE]), claim) is None


def test_a_deployment_that_does_not_exist() -> None:
    found = cause()
    assert found == (Reason.DEPLOYMENT_PENDING, f"Deployment {NAME} does not exist yet")


def test_a_deployment_whose_previous_pods_terminate() -> None:
    state = ClusterState(cryostat())
    state.snapshot = replace(state.snapshot, leaving=frozenset({Key("Deployment", NAMESPACE, NAME)}))
    found = unavailable_cause(state.instance, NAME, None)
    assert found
    assert found.message.endswith("when the pods of the previous one have terminated")


def test_conditions_of_nothing() -> None:
    assert deployment_conditions(None) == deployment_conditions({"status": None}) == {}
