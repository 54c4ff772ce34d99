"""Selects the cases of the models of one module, and checks them with these models."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from cryostat_operator.api.base import Model
from cryostat_operator.api.v1beta2 import CryostatSpec
from cryostat_operator.api.validation import InvalidCryostatError, read_cryostat, unknown_fields
from tests.unit.api.cases import CASES, Case
from tests.unit.api.cryostats import cryostat


def cases_of(module: ModuleType) -> pytest.MarkDecorator:
    """Parametrizes `case` with the cases of the fields of the spec whose models are in this module."""
    cases = [case for case in CASES if module_of(case) == module.__name__]
    assert cases
    return pytest.mark.parametrize("case", cases, ids=lambda case: f"{case.path}: {case.says}")


def module_of(case: Case) -> str:
    """The module of the model of the first field in the path, or of the spec if its value has no model."""
    fields = {field.alias: field.annotation for field in CryostatSpec.model_fields.values()}
    name = case.path.partition(".")[0]
    models = used_models(fields[name]) if name else []
    return models[0].__module__ if models else CryostatSpec.__module__


def used_models(annotation: Any) -> list[type[Model]]:
    """The models in the type of a field, without those of their fields."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in used_models(part)]


def all_models(model: type[Model]) -> set[type[Model]]:
    """The model and all that are used in its fields."""
    found: set[type[Model]] = set()
    remaining = [model]
    while remaining:
        current = remaining.pop()
        if current not in found:
            found.add(current)
            remaining += [used for field in current.model_fields.values() for used in used_models(field.annotation)]
    return found


def check_case(case: Case) -> None:
    """Reads each good value completely, and expects an error with the path of the field for each bad one."""
    for value in case.good:
        obj = cryostat(case.spec(value))
        assert unknown_fields(obj, read_cryostat(obj)) == []
    if not case.server_only:
        for value in case.bad:
            with pytest.raises(InvalidCryostatError) as caught:
                read_cryostat(cryostat(case.spec(value)))
            expected = ".".join(filter(None, ["spec", case.path]))
            assert all(problem.startswith(expected) for problem in caught.value.problems)
