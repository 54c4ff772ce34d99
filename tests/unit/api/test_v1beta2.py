"""The models read every field that users write, and refuse invalid values with the path of the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.api import (
    application_options,
    constants,
    network_options,
    storage_options,
    v1beta2,
    workload_options,
)
from cryostat_operator.api.v1beta2 import Cryostat, CryostatSpec
from cryostat_operator.api.validation import InvalidCryostatError, read_cryostat
from tests.unit.api.cases import BAD_NAMES, CASES, GOOD_NAMES, Case
from tests.unit.api.cryostats import INPUTS, SAMPLES, cryostat, cryostats
from tests.unit.api.model_cases import all_models, cases_of, check_case, module_of


@pytest.mark.parametrize("path", INPUTS + SAMPLES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_field_of_a_spec_is_read(path: Path) -> None:
    for obj in cryostats(path):
        assert read_cryostat(obj).spec.model_dump(by_alias=True, exclude_unset=True) == obj["spec"]


@cases_of(v1beta2)
def test_good_values_are_read_and_bad_ones_refused(case: Case) -> None:
    check_case(case)


def test_every_case_is_in_the_tests_of_one_module() -> None:
    """Each of these modules has a test with `cases_of`, so that the models are checked with all cases."""
    modules = (application_options, network_options, storage_options, v1beta2, workload_options)
    assert {module_of(case) for case in CASES} == {module.__name__ for module in modules}


def test_valid_names_are_read_and_others_refused() -> None:
    for name in GOOD_NAMES:
        read_cryostat(cryostat({}, name))
    for name, says in BAD_NAMES.items():
        with pytest.raises(InvalidCryostatError, match=says):
            read_cryostat(cryostat({}, name))
    read_cryostat({"metadata": {"generateName": "a-"}})


def test_every_rule_is_in_the_table_of_cases() -> None:
    messages = [case.says for case in CASES] + list(BAD_NAMES.values())
    rules = [rule for model in all_models(Cryostat) for rule in model.rules]
    assert rules
    for rule in rules:
        assert any(says in rule.message for says in messages), rule.message


@pytest.mark.parametrize("obj", [{}, {"spec": None, "status": None}, {"spec": {}, "status": {}}])
def test_an_empty_object_is_an_instance_with_all_defaults(obj: dict[str, Any]) -> None:
    assert read_cryostat(obj).spec == CryostatSpec()


def test_fields_of_a_newer_version_are_ignored() -> None:
    obj = {"spec": {"fresh": 1, "reportOptions": {"replicas": 1, "fresh": {}}}, "status": {"fresh": []}, "fresh": 1}
    report_options = read_cryostat(obj).spec.report_options
    assert report_options is not None
    assert report_options.replicas == 1


@pytest.mark.parametrize(
    ("annotations", "requested"),
    [
        ({constants.ANNOTATION_HIBERNATION: "on"}, True),
        ({constants.ANNOTATION_HIBERNATION: "off"}, False),
        ({}, False),
        (None, False),
    ],
)
def test_only_the_annotation_with_the_value_on_requests_hibernation(annotations: Any, requested: bool) -> None:
    obj = read_cryostat({"metadata": {"name": "a", "annotations": annotations}})
    assert obj.hibernation_requested is requested
