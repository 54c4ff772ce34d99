"""Deployments whose claims are being deleted."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.model.kinds import Key, Obj
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat

RESTARTED: Obj = {"resources": {"databaseResources": {"limits": {"memory": "1Gi"}}}}
HIBERNATED = {constants.ANNOTATION_HIBERNATION: "on"}


def deployment(component: str) -> Key:
    return Key("Deployment", NAMESPACE, f"{NAME}-{component}")


def deleting(component: str, spec: Obj, annotations: dict[str, str] | None = None) -> ClusterState:
    """A running instance with a claim that is being deleted, and then this spec and these annotations."""
    before = ClusterState(cryostat()).settle()
    state = ClusterState(cryostat(spec, annotations=annotations or {}))
    state.snapshot = before.snapshot
    claim = copy.deepcopy(state.snapshot.live[Key("PersistentVolumeClaim", NAMESPACE, f"{NAME}-{component}")])
    claim["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return state.with_live(claim)


def changed(state: ClusterState) -> set[str]:
    changes = diff(state.plan, state.snapshot, state.cryostat.metadata["uid"]).changes
    return {change.key.name for change in changes if change.key.kind == "Deployment"}


@pytest.mark.parametrize("component", ["database", "storage"])
def test_the_pod_that_keeps_the_data_is_not_replaced(component: str) -> None:
    state = deleting(component, RESTARTED)
    assert changed(state) == ({f"{NAME}-database"} if component == "storage" else set())
    assert state.plan.blocked[deployment(component)].problem.reason == "VolumeBeingDeleted"


def test_it_is_not_stopped_for_the_hibernation() -> None:
    assert changed(deleting("database", {}, HIBERNATED)) == {NAME}
    stopped = deleting("database", {}, HIBERNATED)
    key = Key("Deployment", NAMESPACE, NAME)
    main = copy.deepcopy(stopped.snapshot.live[key])
    main["spec"]["replicas"] = 0
    assert changed(stopped.with_live({**main, "status": {}})) == {f"{NAME}-storage"}


def test_the_application_gets_no_new_secret_before_the_component_that_is_left_alone() -> None:
    state = deleting("storage", {})
    content = state.snapshot.data["Secret", f"{NAME}-storage"]
    assert content
    state.with_data("Secret", f"{NAME}-storage", *content.keys, digest="rotated")
    assert changed(state) == set()
    assert state.plan.blocked[Key("Deployment", NAMESPACE, NAME)].problem.reason == "RollingInOrder"


def test_a_deployment_that_does_not_exist_is_created() -> None:
    state = deleting("database", {})
    live = {key: obj for key, obj in state.snapshot.live.items() if key != deployment("database")}
    state.snapshot = replace(state.snapshot, live=live)
    assert changed(state) == {f"{NAME}-database"}
