"""The models of the status read what the operator wrote, and describe it in the CRD."""

from __future__ import annotations

import re
from typing import Any

import pytest

from cryostat_operator.api.status import Condition, CryostatStatus, ReviewedNamespace

READY: dict[str, Any] = {
    "type": "Ready",
    "status": "True",
    "reason": "AllReady",
    "message": "All components are ready.",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
    "observedGeneration": 3,
}


def test_a_status_is_read_and_written_without_loss() -> None:
    status = {
        "summary": "Ready",
        "applicationUrl": "https://cryostat.example.com",
        "targetNamespaces": ["shop"],
        "reviewedNamespaces": [{"name": "shop", "uid": "1"}],
        "databaseSecret": "database",
        "storageSecret": "storage",
        "basicAuthSecret": "login",
        "observedGeneration": 3,
        "conditions": [READY],
    }
    assert {field.alias for field in CryostatStatus.model_fields.values()} == set(status)
    assert CryostatStatus.model_validate(status).model_dump(by_alias=True, exclude_none=True) == status


@pytest.mark.parametrize("field", ["type", "status", "reason", "message", "lastTransitionTime"])
def test_a_condition_needs_each_field_but_the_generation(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Condition.model_validate({key: value for key, value in READY.items() if key != field})


def test_a_condition_is_true_false_or_unknown() -> None:
    for status in ("True", "False", "Unknown"):
        assert Condition.model_validate(READY | {"status": status}).status == status
    with pytest.raises(ValueError, match="'True', 'False' or 'Unknown'"):
        Condition.model_validate(READY | {"status": "true"})


def test_a_namespace_is_recorded_with_its_uid() -> None:
    with pytest.raises(ValueError, match="uid"):
        ReviewedNamespace.model_validate({"name": "shop"})


def test_conditions_are_merged_by_their_type() -> None:
    conditions = CryostatStatus.model_json_schema()["properties"]["conditions"]
    assert (conditions["x-kubernetes-list-type"], conditions["x-kubernetes-list-map-keys"]) == ("map", ["type"])


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [("type", ["Ready", "example.com/Ready"], ["No Type", "/Ready"]), ("reason", ["AllReady", "a"], ["", "1", "a b"])],
)
def test_types_and_reasons_have_the_pattern_of_kubernetes(field: str, good: list[str], bad: list[str]) -> None:
    pattern = Condition.model_json_schema()["properties"][field]["pattern"]
    assert [value for value in good + bad if re.search(pattern, value)] == good
