"""The webhooks: what the API server sends to them, and what happens if the operator does not answer."""

from __future__ import annotations

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.webhook_definitions import CRYOSTAT_CONDITIONS, WebhookPaths, mutating, validating

ALL = (*mutating(), *validating())
OF_CRYOSTATS = [each for each in ALL if each["name"].endswith("cryostat.kb.io")]
OF_PODS = [each for each in ALL if each not in OF_CRYOSTATS]


def resources(webhook: Obj) -> dict[str, list[str]]:
    """The operations by resource."""
    return {rule["resources"][0]: rule["operations"] for rule in webhook["rules"]}


def test_cryostats_are_not_written_unchecked() -> None:
    assert [each["path"] for each in OF_CRYOSTATS] == [WebhookPaths.DEFAULT, WebhookPaths.VALIDATE]
    for webhook in OF_CRYOSTATS:
        assert webhook["failurePolicy"] == "Fail"
        assert webhook["objectSelector"] == {}, "no label exempts a Cryostat"
        assert webhook["matchPolicy"] == "Equivalent", "includes writes in v1beta1"
        assert resources(webhook) == {constants.PLURAL: ["CREATE", "UPDATE"]}


@pytest.mark.parametrize("webhook", OF_PODS, ids=lambda each: each["name"])
def test_pods_start_without_the_operator(webhook: Obj) -> None:
    assert webhook["failurePolicy"] == "Ignore"
    assert webhook["timeoutSeconds"] <= 3
    assert resources(webhook).get("pods", ["CREATE"]) == ["CREATE"]


@pytest.mark.parametrize("webhook", OF_PODS, ids=lambda each: each["name"])
def test_pods_with_neither_label_are_not_sent_to_the_operator(webhook: Obj) -> None:
    expressions = webhook["objectSelector"]["matchExpressions"]
    assert {each["key"] for each in expressions} == {constants.AGENT_LABEL_NAME, constants.AGENT_LABEL_NAMESPACE}
    assert "Exists" in {each["operator"] for each in expressions}


def test_one_of_the_two_labels_only_leads_to_a_warning() -> None:
    found = [each for each in validating() if each["path"] == WebhookPaths.LABELS]
    pairs = [tuple(e["key"] for e in each["objectSelector"]["matchExpressions"]) for each in found]
    name, namespace = constants.AGENT_LABEL_NAME, constants.AGENT_LABEL_NAMESPACE
    assert pairs == [(name, namespace), (namespace, name)], "present, absent"
    for webhook in found:
        operators = [each["operator"] for each in webhook["objectSelector"]["matchExpressions"]]
        assert operators == ["Exists", "DoesNotExist"]


def test_each_kind_of_workload_has_a_webhook_that_adds_the_agent() -> None:
    adding = {each["path"]: resources(each) for each in mutating() if each not in OF_CRYOSTATS}
    assert adding == {
        WebhookPaths.POD: {"pods": ["CREATE"]},
        WebhookPaths.DEPLOYMENT: {"deployments": ["CREATE", "UPDATE"]},
        WebhookPaths.STATEFUL_SET: {"statefulsets": ["CREATE", "UPDATE"]},
        WebhookPaths.DAEMON_SET: {"daemonsets": ["CREATE", "UPDATE"]},
    }


def test_names_are_unique_and_dry_runs_have_no_side_effects() -> None:
    assert len({each["name"] for each in ALL}) == len(ALL)
    assert {each["sideEffects"] for each in ALL} == {"None", "NoneOnDryRun"}


def test_finalizers_and_deletions_need_no_review() -> None:
    deleted, changed = (condition["expression"] for condition in CRYOSTAT_CONDITIONS)
    assert "!has(oldObject.metadata.deletionTimestamp)" in deleted
    for path in ("spec", "metadata.annotations", "metadata.labels"):
        assert f"has(object.{path}) && object.{path} != oldObject.{path}" in changed
    assert "finalizers" not in changed
    for webhook in OF_CRYOSTATS:
        assert webhook["matchConditions"] == list(CRYOSTAT_CONDITIONS)
