"""Requests of the spec that are above their limits."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.plan import builders
from cryostat_operator.plan.resource_requests import lowered_requests
from tests.unit.cluster_state import ClusterState, cryostat


def messages(spec: dict[str, Any]) -> list[str]:
    return [problem.message for problem in lowered_requests(ClusterState(cryostat(spec)).instance)]


def test_a_request_above_its_limit_is_named_with_both_values_and_what_is_used() -> None:
    resources = {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"cpu": 1, "memory": "1Gi"}}
    assert messages({"resources": {"databaseResources": resources}}) == [
        "spec.resources.databaseResources.requests.memory 2Gi is above the limit 1Gi, and no pod can request more than "
        "its limit. 1Gi is requested. Lower the request, or raise spec.resources.databaseResources.limits.memory."
    ]


def test_requests_of_other_resources_are_lowered_too() -> None:
    given = {"requests": {"ephemeral-storage": "2Gi"}, "limits": {"ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi"}}
    made = builders.resources(given, ("100m", "64Mi"), ("1", "256Mi"))
    assert made["requests"] == {"cpu": "100m", "memory": "64Mi", "ephemeral-storage": "1Gi"}
    assert made["limits"] == given["limits"]
    assert messages({"resources": {"coreResources": given}}) == [
        "spec.resources.coreResources.requests.ephemeral-storage 2Gi is above the limit 1Gi, and no pod can request "
        "more than its limit. 1Gi is requested. Lower the request, or raise "
        "spec.resources.coreResources.limits.ephemeral-storage."
    ]


@pytest.mark.parametrize("parent", ["reportOptions", "agentOptions"])
def test_all_fields_with_resources_are_checked(parent: str) -> None:
    found = messages({parent: {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1500m"}}}})
    assert len(found) == 1
    assert found[0].startswith(f"spec.{parent}.resources.requests.cpu 2 is above the limit 1500m")


@pytest.mark.parametrize(
    "resources",
    [
        {},
        {"limits": {"cpu": "1m"}},  # the default request is lowered; the spec has none
        {"requests": {"cpu": "100"}},
        {"requests": {"cpu": "1"}, "limits": {"cpu": "1000m"}},
        {"requests": {"cpu": "x"}, "limits": {"cpu": "1"}},  # the API server refuses it
    ],
)
def test_other_requests_are_not_reported(resources: dict[str, Any]) -> None:
    assert messages({"resources": {"coreResources": resources}}) == []
