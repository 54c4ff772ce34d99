"""NetworkPolicies of other owners that restrict the pods of an instance."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.inspect.observed import owned_selector
from cryostat_operator.plan.diagnosis.foreign_policies import directions, foreign_policies, selects
from tests.unit.inspect.instance import NAME, NAMESPACE, OWNED, pod

LABELS = {"app": "sample", "kind": "cryostat"}


def policy(name: str, selector: dict[str, Any] | None, labels: dict[str, str] | None = None, **spec: Any) -> Any:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"podSelector": selector, **spec}}


def test_only_policies_of_other_owners_that_select_a_pod_are_found() -> None:
    policies = [
        policy("all", {}),
        policy("none", None),
        policy("own", {}, OWNED),
        policy("other", {"matchLabels": {"app": "other"}}, {"a": "b"}),
        policy("database", {"matchLabels": {"component": "database"}}, {"a": "b"}),
    ]
    owned = owned_selector(NAMESPACE, NAME)
    pods = [pod("cryostat"), pod("database")]
    assert [each["metadata"]["name"] for each in foreign_policies(policies, pods, owned)] == ["all", "none", "database"]
    assert foreign_policies(policies, [], owned) == ()


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({"matchLabels": {"app": "sample"}}, True),
        ({"matchLabels": {"app": "sample", "x": "y"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "sample"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["sample"]}]}, False),
        ({"matchExpressions": [{"key": "x", "operator": "NotIn", "values": ["sample"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "x", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}, True),
        ({"matchLabels": {"app": "sample"}, "matchExpressions": [{"key": "kind", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_label_selectors(selector: dict[str, Any], selected: bool) -> None:
    assert selects(selector, LABELS) == selected


def test_directions() -> None:
    assert directions(policy("a", {})) == "ingress"
    assert directions(policy("a", {}, policyTypes=["Ingress", "Egress"])) == "ingress and egress"
