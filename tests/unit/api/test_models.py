"""The models read every field that users write, and refuse invalid values with the path of the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.api.base import Model
from cryostat_operator.api.v1beta2 import Cryostat, CryostatSpec
from cryostat_operator.api.validation import InvalidCryostatError, read_cryostat, unknown_fields
from tests.unit.api.cases import BAD_NAMES, CASES, GOOD_NAMES
from tests.unit.api.cryostats import INPUTS, SAMPLES, cryostat, cryostats


@pytest.mark.parametrize("path", INPUTS + SAMPLES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_field_of_a_spec_is_read(path: Path) -> None:
    for obj in cryostats(path):
        assert read_cryostat(obj).spec.model_dump(by_alias=True, exclude_unset=True) == obj["spec"]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.path}: {c.says}")
def test_good_values_are_read_and_bad_ones_refused(case: Any) -> None:
    for value in case.good:
        obj = cryostat(case.spec(value))
        assert unknown_fields(obj, read_cryostat(obj)) == []
    if not case.server_only:
        for value in case.bad:
            with pytest.raises(InvalidCryostatError) as caught:
                read_cryostat(cryostat(case.spec(value)))
            expected = ".".join(filter(None, ["spec", case.path]))
            assert all(problem.startswith(expected) for problem in caught.value.problems)


def test_names() -> None:
    for name in GOOD_NAMES:
        read_cryostat(cryostat({}, name))
    for name, says in BAD_NAMES.items():
        with pytest.raises(InvalidCryostatError, match=says):
            read_cryostat(cryostat({}, name))
    read_cryostat({"metadata": {"generateName": "a-"}})


def test_every_rule_is_in_the_table_of_cases() -> None:
    messages = [case.says for case in CASES] + list(BAD_NAMES.values())
    rules = [rule for model in _models(Cryostat) for rule in model.rules]
    assert rules
    for rule in rules:
        assert any(says in rule.message for says in messages), rule.message


@pytest.mark.parametrize("obj", [{}, {"spec": None, "status": None}, {"spec": {}, "status": {}}])
def test_an_empty_object_is_an_instance_with_all_defaults(obj: dict[str, Any]) -> None:
    assert read_cryostat(obj).spec == CryostatSpec()


def test_an_empty_value_without_meaning_is_none() -> None:
    spec = {
        "authorizationOptions": {"basicAuth": {}, "openShiftSSO": {"accessReview": {}}},
        "networkOptions": {"coreConfig": {"externalHost": ""}},
        "serviceOptions": {"coreConfig": {"serviceType": ""}},
    }
    read = read_cryostat(cryostat(spec)).spec.model_dump(by_alias=True, exclude_none=True)
    assert read == {
        "authorizationOptions": {"openShiftSSO": {"accessReview": {}}},
        "networkOptions": {"coreConfig": {}},
        "serviceOptions": {"coreConfig": {}},
    }


def test_fields_of_a_newer_version_are_ignored() -> None:
    obj = {"spec": {"fresh": 1, "reportOptions": {"replicas": 1, "fresh": {}}}, "status": {"fresh": []}, "fresh": 1}
    report_options = read_cryostat(obj).spec.report_options
    assert report_options is not None
    assert report_options.replicas == 1


def _models(model: type[Model], seen: set[type[Model]] | None = None) -> set[type[Model]]:
    """The model and all that are used in its fields."""
    seen = set() if seen is None else seen
    if model not in seen:
        seen.add(model)
        for field in model.model_fields.values():
            for used in _used(field.annotation):
                _models(used, seen)
    return seen


def _used(annotation: Any) -> list[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _used(part)]


def test_an_incomplete_login_is_refused() -> None:
    text = "secretName and filename must be set together: with only one of them no login is configured"
    for field in ("secretName", "filename"):
        with pytest.raises(ValueError, match=text):
            CryostatSpec.model_validate({"authorizationOptions": {"basicAuth": {field: "users"}}})


def test_numbers_of_the_api_have_32_bits() -> None:
    with pytest.raises(ValueError, match="must be a 32-bit integer"):
        CryostatSpec.model_validate({"targetConnectionCacheOptions": {"targetCacheSize": 2**31}})
