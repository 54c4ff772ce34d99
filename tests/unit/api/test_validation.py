"""Cryostats are read, and each problem names the field."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api.validation import InvalidCryostatError, new_problems, read_cryostat, unknown_fields
from tests.unit.api.cryostats import cryostat


def test_unknown_fields_are_named_with_their_path() -> None:
    secrets = [{"secretName": "a"}, {"secretName": "b", "secretNam": "b", "certificateKey": None}]
    obj = cryostat({"trustedCertSecrets": secrets, "reportOptions": None, "operandMetadata": {}, "a": 1})
    assert unknown_fields(obj, read_cryostat(obj)) == ["spec.a", "spec.trustedCertSecrets[1].secretNam"]
    assert unknown_fields({"spec": None}, read_cryostat({})) == []


@pytest.mark.parametrize("obj", [None, [], "x", {"spec": []}, {"spec": {"resources": 1}}, {"metadata": []}])
def test_values_of_the_wrong_shape_are_refused_with_a_reason(obj: Any) -> None:
    with pytest.raises(InvalidCryostatError) as caught:
        read_cryostat(obj)
    assert caught.value.problems


def test_a_status_that_breaks_limits_is_still_read() -> None:
    condition = {"type": "No Type", "status": "True", "reason": "", "message": "", "lastTransitionTime": "yesterday"}
    assert read_cryostat({"status": {"conditions": [condition]}}).status.conditions


def test_an_unreadable_status_is_treated_as_empty() -> None:
    obj = {"spec": {"enableAudit": True}, "status": {"conditions": 5}}
    assert read_cryostat(obj) == read_cryostat({"spec": {"enableAudit": True}})
    with pytest.raises(InvalidCryostatError) as caught:
        read_cryostat(obj | {"spec": []})
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["spec"]


def test_a_problem_names_no_class_of_the_operator() -> None:
    with pytest.raises(InvalidCryostatError) as error:
        read_cryostat({"metadata": {}, "spec": {"storageOptions": {"pvc": 5}}})
    assert error.value.problems == ["spec.storageOptions.pvc: Input should be a valid object"]


def test_an_update_has_the_problems_that_it_adds() -> None:
    """A rule may be younger than the object: other fields of it can be changed."""
    old = {"spec": {"reportOptions": {"replicas": "x"}}}
    new = {"spec": {"reportOptions": {"replicas": "x"}, "resources": 1}}
    assert [problem.partition(":")[0] for problem in new_problems(new, old)] == ["spec.resources"]
    assert [problem.partition(":")[0] for problem in new_problems(old, None)] == ["spec.reportOptions.replicas"]
    assert new_problems(old, old) == []
