"""The record of a database's keys on its claim."""

from __future__ import annotations

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import Key, Obj
from tests.unit.cluster_state import NAMESPACE, ClusterState, find, settled

CLAIM = Key("PersistentVolumeClaim", NAMESPACE, "sample-database")
VALUES = {"CONNECTION_KEY": "password", "ENCRYPTION_KEY": "secret"}
RUNNING = {
    "updatedReplicas": 1,
    "availableReplicas": 1,
    "conditions": [
        {"type": "Available", "status": "True"},
        {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
    ],
}


def with_status(state: ClusterState, status: Obj, *names: str) -> ClusterState:
    deployments = (obj for key, obj in state.snapshot.live.items() if key.kind == "Deployment" and key.name in names)
    return state.with_live(*({**obj, "status": status} for obj in deployments))


def unrecorded() -> ClusterState:
    """An instance of the Go operator after its adoption: everything is in sync, nothing is recorded."""
    return settled().with_data("Secret", "sample-db", **VALUES)


def record_of(state: ClusterState) -> str | None:
    annotations: dict[str, str] = find(state.plan, *CLAIM[0::2])["metadata"].get("annotations") or {}
    return annotations.get(constants.ANNOTATION_DATABASE_KEYS)


def test_keys_are_recorded_once_database_and_application_run_with_them() -> None:
    state = unrecorded()
    assert record_of(state) is None
    with_status(state, RUNNING, "sample-database")
    assert record_of(state) is None
    with_status(state, RUNNING, "sample")
    assert record_of(state)


@pytest.mark.parametrize(
    "status",
    [
        {**RUNNING, "conditions": []},
        {**RUNNING, "conditions": [{"type": "Available", "status": "False"}, RUNNING["conditions"][1]]},  # type: ignore[index]
        {**RUNNING, "availableReplicas": 0},
    ],
)
def test_keys_of_an_application_that_does_not_run_are_not_recorded(status: Obj) -> None:
    state = with_status(unrecorded(), RUNNING, "sample-database", "sample")
    assert record_of(with_status(state, status, "sample")) is None


def test_keys_that_the_pods_do_not_use_yet_are_not_recorded() -> None:
    state = with_status(unrecorded(), RUNNING, "sample-database", "sample")
    assert record_of(state.with_data("Secret", "sample-db", digest="other", **VALUES)) is None


def test_unknown_values_are_not_recorded() -> None:
    state = with_status(settled(), RUNNING, "sample-database", "sample")
    assert record_of(state) is None


def test_a_record_is_never_replaced() -> None:
    state = with_status(unrecorded(), RUNNING, "sample-database", "sample").settle()
    before = record_of(state)
    assert before
    state.with_data("Secret", "sample-db", CONNECTION_KEY="x", ENCRYPTION_KEY="y")
    blocked = state.plan.blocked[CLAIM]
    assert blocked.problem.reason == "DatabaseKeysMismatched"
    assert state.snapshot.live[CLAIM]["metadata"]["annotations"][constants.ANNOTATION_DATABASE_KEYS] == before


def test_the_next_cryostat_keeps_the_record() -> None:
    state = with_status(unrecorded(), RUNNING, "sample-database", "sample").settle()
    before = record_of(state)
    assert before
    state.with_spec({}, uid="another").settle().with_data("Secret", "sample-db", **VALUES)
    assert record_of(with_status(state, RUNNING, "sample-database", "sample")) == before


RELEASE = constants.ANNOTATION_DATABASE_RELEASE


def release_of(state: ClusterState) -> str | None:
    annotations: dict[str, str] = find(state.plan, *CLAIM[0::2])["metadata"].get("annotations") or {}
    return annotations.get(RELEASE)


def with_record(state: ClusterState, record: str) -> ClusterState:
    claim = state.snapshot.live[CLAIM]
    return state.with_live({**claim, "metadata": {**claim["metadata"], "annotations": {RELEASE: record}}})


def test_a_new_claim_records_the_release_together_with_the_keys() -> None:
    state = ClusterState(settled().cryostat).with_data("Secret", "sample-db", **VALUES)
    assert release_of(state) == "cryostat=4.2,postgresql=16"
    assert record_of(state)


def test_the_first_record_is_added_once_database_and_application_run() -> None:
    state = settled()
    assert release_of(state) is None
    assert release_of(with_status(state, RUNNING, "sample-database", "sample")) == "cryostat=4.2,postgresql=16"


def test_the_record_of_an_upgrade_precedes_the_application() -> None:
    state = with_record(settled(), "cryostat=4.1,postgresql=16")
    assert release_of(state) == "cryostat=4.2,postgresql=16"


def test_a_release_that_is_not_rolled_out_is_not_recorded() -> None:
    state = with_record(settled({"declarativeCredentials": [{"secretName": "login"}]}), "cryostat=4.1")
    assert release_of(state.without_data("Secret", "login")) == "cryostat=4.1"
