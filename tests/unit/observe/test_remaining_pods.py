"""Deployments whose pods have not ended, by the live objects and the pods of an instance."""

from __future__ import annotations

import pytest

from cryostat_operator.observe.pods import PodStore
from cryostat_operator.observe.remaining_pods import stopping_components, terminating_deployments
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj
from tests.unit.clock import Clock

OWNER = InstanceKey("here", "x")
DATABASE = Key("Deployment", "here", "x-database")
CLAIM = Key("PersistentVolumeClaim", "here", "x-database")
APPLICATION = Key("Deployment", "here", "x")


@pytest.fixture
def pods() -> PodStore:
    """A pod of the database, and one of the application."""
    store = PodStore(lambda _: None, Clock())
    for component in ("database", "cryostat"):
        labels = {"app": "x", "component": component}
        store.upsert({"metadata": {"name": component, "namespace": "here", "labels": labels}, "status": {}})
    return store


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        ({CLAIM: {}}, {DATABASE}),
        ({CLAIM: {}, DATABASE: {}}, set()),
        ({}, set()),
    ],
    ids=["the Deployment is deleted", "it exists", "its volume is deleted, too"],
)
def test_a_deleted_deployment_terminates_while_its_pods_use_the_volume(
    pods: PodStore, live: dict[Key, Obj], expected: set[Key]
) -> None:
    assert terminating_deployments(pods, OWNER, live) == expected


def test_components_stop_while_their_pods_have_not_ended(pods: PodStore) -> None:
    stopped: Obj = {"spec": {"replicas": 0}}
    assert stopping_components(pods, OWNER, {DATABASE: {"spec": {"replicas": 1}}, APPLICATION: stopped}) == {"cryostat"}
    assert stopping_components(pods, OWNER, {DATABASE: stopped, APPLICATION: stopped}) == {"cryostat", "database"}
    assert stopping_components(pods, OWNER, {Key("Deployment", "here", "x-storage"): stopped}) == frozenset()
