"""The planner with all components: references, hashes, and which objects wait for which."""

from __future__ import annotations

import copy
from types import ModuleType
from unittest.mock import Mock

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.components import database
from cryostat_operator.plan.model.desired_state import ContentUse, Reference
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import SecretRequest
from cryostat_operator.plan.planner import _COMPONENTS
from cryostat_operator.plan.tls import component as tls
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat, find, plan_for, reasons, settled

MAIN = Key("Deployment", NAMESPACE, "sample")


def test_a_first_plan_reports_no_failure_and_lists_references_to_read() -> None:
    plan = ClusterState(cryostat()).plan
    assert reasons(plan.problems) == {"ReferencePending"}
    assert not any(problem.actionable for problem in plan.problems)
    assert plan.references == (
        Reference("ConfigMap", "sample-agent-proxy"),
        Reference("ConfigMap", "sample-oauth2-proxy-cfg", frozenset({"alpha_config.json"})),
        Reference("Secret", "sample-basic-auth", frozenset({"htpasswd"})),
        Reference("Secret", "sample-db", frozenset({"CONNECTION_KEY", "ENCRYPTION_KEY"})),
        Reference("Secret", "sample-oauth2-cookie"),
        Reference("Secret", "sample-storage", frozenset({"ACCESS_KEY", "SECRET_KEY"})),
    )


def test_objects_without_references_are_planned_at_once() -> None:
    plan = ClusterState(cryostat()).plan
    assert {key.kind for key in plan.blocked} == {"Deployment", "PersistentVolumeClaim"}
    assert {"Secret", "ConfigMap", "Service", "NetworkPolicy", "ServiceAccount"} <= {key.kind for key in plan.objects}


@pytest.mark.parametrize("component", _COMPONENTS, ids=lambda component: str(component.NAME))
def test_a_component_is_built_again_only_if_its_objects_depend_on_content(
    component: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, counted = settled({"enableCertManager": True}), Mock(wraps=component.build)
    monkeypatch.setattr(component, "build", counted)
    assert state.plan
    assert counted.call_count == (2 if component in (database, tls) else 1)


@pytest.mark.parametrize("component", _COMPONENTS, ids=lambda component: str(component.NAME))
def test_only_a_component_with_warnings_about_content_uses_content_for_warnings(component: ModuleType) -> None:
    built = component.build(settled().instance)
    assert (built.content_use == ContentUse.WARNINGS) == hasattr(component, "warnings")


def test_planned_config_maps_block_nothing_and_restart_the_pods() -> None:
    before = settled()
    after = before.with_spec({"targetNamespaces": ["here"], "enableCertManager": False})
    assert hashes(before, "sample") == hashes(after, "sample")
    tls = ClusterState(cryostat({"enableCertManager": True})).settle()
    assert (
        hashes(before, "sample")[constants.ANNOTATION_CONFIG_MAP_HASH]
        != hashes(tls, "sample")[constants.ANNOTATION_CONFIG_MAP_HASH]
    )


def hashes(state: ClusterState, deployment: str) -> dict[str, str]:
    found: dict[str, str] = find(state.plan, "Deployment", deployment)["spec"]["template"]["metadata"]["annotations"]
    return found


@pytest.mark.parametrize(
    ("kind", "name", "annotation", "rolled"),
    [
        ("Secret", "sample-db", constants.ANNOTATION_SECRET_HASH, {"sample", "sample-database"}),
        ("Secret", "sample-oauth2-cookie", constants.ANNOTATION_SECRET_HASH, {"sample"}),
        ("Secret", "sample-storage", constants.ANNOTATION_SECRET_HASH, {"sample", "sample-storage"}),
        ("ConfigMap", "rules", constants.ANNOTATION_CONFIG_MAP_HASH, {"sample"}),
    ],
)
def test_changed_content_restarts_only_the_pods_that_use_it(
    kind: str, name: str, annotation: str, rolled: set[str]
) -> None:
    state = settled({"automatedRules": [{"configMapName": "rules", "filename": "r"}]})
    deployments = ("sample", "sample-database", "sample-storage")
    before = {d: hashes(state, d) for d in deployments}
    fact = state.snapshot.data[kind, name]
    assert fact
    state.with_data(kind, name, *fact.keys, digest="other").without_deployments()
    after = {d: hashes(state, d) for d in deployments}
    assert {d for d in deployments if before[d] != after[d]} == rolled
    assert {k for d in rolled for k in after[d] if before[d][k] != after[d][k]} == {annotation}


def test_only_a_missing_secret_of_the_user_is_a_warning() -> None:
    state = settled({"databaseOptions": {"secretName": "mine"}})
    problem = state.without_data("Secret", "sample-oauth2-cookie").plan.blocked[MAIN].problem
    assert (problem.reason, problem.actionable) == ("SecretPending", False)
    state.with_data("Secret", "sample-oauth2-cookie")
    theirs = state.without_data("Secret", "mine").plan.blocked[MAIN].problem
    assert (theirs.reason, theirs.actionable) == ("SecretNotFound", True)


def test_a_missing_key_is_reported_with_its_name() -> None:
    state = settled({"databaseOptions": {"secretName": "mine"}}).with_data("Secret", "mine", "CONNECTION_KEY")
    problem = state.plan.blocked[Key("Deployment", NAMESPACE, "sample-database")].problem
    assert problem.reason == "SecretKeyNotFound"
    assert "ENCRYPTION_KEY" in problem.message
    assert "Deployment sample-database" in problem.message


def test_every_generated_secret_has_a_request_and_no_data() -> None:
    for spec in ({}, {"enableCertManager": True}):
        plan = settled(spec).plan
        secrets = {key: obj for key, obj in plan.objects.items() if key.kind == "Secret"}
        issued = {key for key, obj in secrets.items() if obj["metadata"]["ownerReferences"][0]["kind"] == "Certificate"}
        assert set(secrets) - issued == set(plan.requests)
        assert all(not {"data", "stringData"} & set(obj) for obj in secrets.values())
        assert all(isinstance(order, SecretRequest) and order.values for order in plan.requests.values())


def test_every_object_has_ownership_labels_and_an_owner_reference_if_possible() -> None:
    plan = settled({"targetNamespaces": ["here", "there"]}, openshift=True).plan
    for key, obj in plan.objects.items():
        labels = obj["metadata"]["labels"]
        assert (labels[constants.LABEL_NAME], labels[constants.LABEL_NAMESPACE]) == ("sample", "here")
        elsewhere = key.namespace != "here" or key.kind == "RoleBinding" or "callback" in str(labels.get("component"))
        assert ("ownerReferences" not in obj["metadata"]) is elsewhere, key


def test_a_plan_does_not_change_its_input() -> None:
    state = settled({"operandMetadata": {"podMetadata": {"labels": {"a": "b"}}}})
    cr, live = state.cryostat.model_copy(deep=True), copy.deepcopy(state.snapshot.live)
    assert plan_for(state.cryostat, state.snapshot, state.settings) == plan_for(cr, state.snapshot, state.settings)
    assert state.cryostat == cr
    assert state.snapshot.live == live


def test_all_missing_references_are_reported_together() -> None:
    files = [{"configMapName": name, "filename": "f"} for name in ("a", "b")]
    state = settled({"automatedRules": files}).without_data("ConfigMap", "a").without_data("Secret", "sample-db")
    message = state.with_data("ConfigMap", "b").plan.blocked[MAIN].problem.message
    assert "ConfigMap a does not exist" in message
    assert "ConfigMap b lacks the key f" in message
