"""What follows from the objects that were read of an instance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.inspect.observed import (
    LabeledPods,
    Observed,
    agent_selector,
    labeled_pods,
    owned_selector,
    pod_state,
)
from cryostat_operator.inspect.states import BAD, GOOD, WAITING, State
from cryostat_operator.plan.injection.init_container import INIT_CONTAINER
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.inspect.instance import DOWN, READY, condition, cryostat, deployment, lease, owned, pod

UP: Obj = {**DOWN, "status": {"readyReplicas": 1}}


def test_restarts_of_a_pod_are_shown() -> None:
    running = pod("database")
    assert pod_state(running).text == "ready"
    for count, expected in ((1, "ready, 1 restart"), (2, "ready, 2 restarts")):
        running["status"]["containerStatuses"][0]["restartCount"] = count
        assert pod_state(running).text == expected


def test_the_state_of_a_pod_has_its_failure_or_its_phase() -> None:
    failed = pod_state(pod("storage", "ImagePullBackOff", "manifest unknown"))
    assert (failed.color, failed.text.partition(":")[0]) == (WAITING, "ImagePullFailed")
    pending = {**pod("storage"), "status": {"phase": "Pending"}}
    assert pod_state(pending) == State(WAITING, "Pending")


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (READY, State(GOOD, "Ready")),
        (condition("Ready", "False", "Hibernated"), State(WAITING, "Hibernated")),
        (condition("Ready", "False", "Paused"), State(BAD, "Not ready")),
    ],
)
def test_the_state_of_an_instance_is_that_of_its_current_status(found: Obj, state: State) -> None:
    assert Observed(cryostat(found)).state == state
    outdated = Observed(cryostat(found, observedGeneration=0))
    assert (outdated.state, outdated.is_current, outdated.ready) == (State(BAD, "Not ready"), False, False)


def test_conditions_begin_with_ready() -> None:
    first, second = condition("A", "True", "a"), condition("B", "True", "b")
    assert Observed(cryostat(first, READY, second)).conditions == [READY, first, second]


def test_a_cryostat_without_status_has_defaults() -> None:
    bare = {key: value for key, value in cryostat().items() if key != "status"}
    observed = Observed(bare)
    assert (observed.status, observed.conditions, observed.url, observed.ready) == ({}, [], "", False)
    assert observed.target_namespaces == ["here"]
    assert observed.login() == "not known, because the operator has not reported it yet"


def test_the_login_names_the_secret_and_no_value() -> None:
    text = Observed(cryostat(basicAuthSecret="login")).login()
    assert text.startswith("user and password are in Secret login: kubectl -n here get secret login ")
    sso = condition("AuthenticationEnabled", "True", "OpenShift", "Users log in with OpenShift.")
    assert Observed(cryostat(sso)).login() == "Users log in with OpenShift."


@pytest.mark.parametrize(
    ("operators", "renewed", "runs"),
    [
        (None, None, None),
        ((), None, False),
        ((DOWN,), None, False),
        ((DOWN, UP), None, True),
        ((UP,), False, False),
        (None, True, True),
    ],
)
def test_an_operator_runs_if_it_renews_its_lease_or_has_a_ready_pod(
    operators: Any, renewed: bool | None, runs: bool | None
) -> None:
    observed = Observed(cryostat(), operators=operators, lease=lease() if renewed is not None else None)
    assert replace(observed, lease_is_renewed=renewed).operator_runs is runs


def test_pods_without_the_agent_that_their_labels_request_are_named() -> None:
    def running(name: str, *init: str, phase: str = "Running") -> Obj:
        containers = [{"name": each} for each in init]
        return {"metadata": {"name": name}, "spec": {"initContainers": containers}, "status": {"phase": phase}}

    pods = [
        running("c", "other"),
        running("b", "other", INIT_CONTAINER),
        running("a"),
        running("done", phase="Succeeded"),
        running("failed", phase="Failed"),
        {"metadata": {"name": "new"}},
    ]
    assert labeled_pods(pods) == LabeledPods(1, ("a", "c", "new"))


def test_titles_have_the_namespace_only_if_it_is_another_one() -> None:
    observed = Observed(cryostat(), (deployment(), owned("RoleBinding", "r", "there")))
    assert [observed.title(obj) for obj in observed.objects] == ["Deployment sample", "RoleBinding there/r"]
    assert observed.title({"kind": "ConsoleLink", "metadata": {"name": "c"}}) == "ConsoleLink c"
    hashed = f"cryostat-agent-{'0' * 64}"
    assert observed.title(owned("Service", hashed)) == "Service cryostat-agent-0…"


def test_each_condition_and_object_has_a_state_by_its_title() -> None:
    states = Observed(cryostat(), (owned("ConfigMap", "c"),)).states()
    assert list(states) == ["condition Ready", "ConfigMap c"]
    assert states["ConfigMap c"] == State(GOOD, "exists")


def test_selectors_have_both_labels() -> None:
    assert owned_selector("n", "x") == f"{constants.LABEL_NAME}=x,{constants.LABEL_NAMESPACE}=n"
    assert agent_selector("n", "x") == f"{constants.AGENT_LABEL_NAME}=x,{constants.AGENT_LABEL_NAMESPACE}=n"
