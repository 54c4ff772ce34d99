"""The order in which Deployments restart with new Secrets."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from cryostat_operator.plan.model.kinds import Key, Obj
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, find, settled

MAIN = Key("Deployment", NAMESPACE, NAME)
SPEC = {
    "authorizationOptions": {"basicAuth": {"secretName": "login", "filename": "htpasswd"}},
    "declarativeCredentials": [{"secretName": "jmx"}],
    "trustedCertSecrets": [{"secretName": "trusted"}],
}


def unavailable(spec: Obj) -> ClusterState:
    """An instance of which database and storage roll out and have no available pod."""
    state = settled(spec)
    progressing = {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}
    for suffix in ("database", "storage"):
        found = copy.deepcopy(state.snapshot.live[Key("Deployment", NAMESPACE, f"{NAME}-{suffix}")])
        state.with_live({**found, "status": {"conditions": [progressing]}})
    live = {key: copy.deepcopy(obj) for key, obj in state.snapshot.live.items()}
    state.snapshot = replace(state.snapshot, live=live)
    return state


@pytest.mark.parametrize("name", ["login", "jmx", "trusted"])
def test_a_secret_that_only_the_application_uses_is_not_held_back(name: str) -> None:
    state = unavailable(SPEC)
    content = state.snapshot.data["Secret", name]
    assert content
    state.with_data("Secret", name, *content.keys, digest="rotated")
    assert MAIN not in state.plan.blocked
    annotations = find(state.plan, "Deployment", NAME)["spec"]["template"]["metadata"]["annotations"]
    before = state.snapshot.live[MAIN]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["io.cryostat/secret-hash"] != before["io.cryostat/secret-hash"]


@pytest.mark.parametrize("name", [f"{NAME}-db", f"{NAME}-storage"])
def test_a_secret_that_database_or_storage_use_too_is_held_back(name: str) -> None:
    state = unavailable(SPEC)
    content = state.snapshot.data["Secret", name]
    assert content
    state.with_data("Secret", name, *content.keys, digest="rotated")
    problem = state.plan.blocked[MAIN].problem
    assert (problem.reason, problem.actionable) == ("RollingInOrder", False)
    assert problem.message == (
        f"Deployment {NAME} restarts with new Secrets once Deployments {NAME}-database and {NAME}-storage have "
        "restarted with them."
    )
    state.with_data("Secret", "login", "htpasswd", digest="rotated")
    assert MAIN in state.plan.blocked


def test_a_change_of_the_spec_is_not_held_back() -> None:
    state = unavailable(SPEC)
    state.with_data("Secret", f"{NAME}-db", "CONNECTION_KEY", "ENCRYPTION_KEY", digest="rotated")
    assert MAIN not in state.with_spec({**SPEC, "loggingOptions": {"coreLogLevel": "DEBUG"}}).plan.blocked


def test_a_deployment_of_an_earlier_version_is_held_back_only_with_new_secrets() -> None:
    """Earlier versions of the operator, and the Go operator, do not record which Secrets are shared."""
    state = unavailable(SPEC)
    del state.snapshot.live[MAIN]["metadata"]["annotations"]["operator.cryostat.io/shared-secret-hash"]
    assert MAIN not in state.plan.blocked
    state.with_data("Secret", "login", "htpasswd", digest="rotated")
    assert MAIN in state.plan.blocked


def test_only_the_main_deployment_records_shared_secrets() -> None:
    plan = settled(SPEC).plan
    marked = {
        obj["metadata"]["name"]
        for obj in plan.objects.values()
        if "operator.cryostat.io/shared-secret-hash" in (obj["metadata"].get("annotations") or {})
    }
    assert marked == {NAME}
