"""Reads Cryostat objects and reports validation errors by field."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from .limits import size_problems
from .v1beta2 import Cryostat

_MODEL = re.compile(r"valid dictionary or instance of \w+")  # names a class of this package


class InvalidCryostatError(ValueError):
    """A Cryostat that violates the schema.

    Attributes:
        problems: one line per field, for example `spec.reportOptions.replicas: Input should be a valid integer`.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_cryostat(obj: Any) -> Cryostat:
    """Parse a Cryostat from the shape of its JSON; a status that does not match the schema is dropped.

    Raises:
        InvalidCryostatError: a field has the wrong type, exceeds a limit or contradicts another field. An API server
            with the current CRD refuses such an object, but it may be older than the rule, or come from a file.
    """
    if isinstance(obj, dict) and (problems := size_problems(obj.get("spec"))):
        raise InvalidCryostatError(problems)
    try:
        return Cryostat.model_validate(obj)
    except ValidationError as error:
        invalid = error
    if problems := validation_problems(invalid, ignore=("status",)):
        raise InvalidCryostatError(problems)
    return read_cryostat({key: value for key, value in obj.items() if key != "status"})


def unknown_fields(obj: Any, cryostat: Cryostat) -> list[str]:
    """Return the paths of the fields of a spec that the schema does not have, for example `spec.reportOption`.

    Args:
        obj: what `read_cryostat` read.
        cryostat: what it returned.
    """
    return _missing(obj.get("spec"), cryostat.spec.model_dump(by_alias=True, exclude_unset=True), "spec")


def _missing(given: Any, read: Any, path: str) -> list[str]:
    if isinstance(given, list) and isinstance(read, list):
        pairs = enumerate(zip(given, read, strict=False))
        return [found for index, (a, b) in pairs for found in _missing(a, b, f"{path}[{index}]")]
    if not isinstance(given, dict) or not isinstance(read, dict):
        return []
    unknown = [f"{path}.{key}" for key in given if key not in read]
    return unknown + [
        found for key in given if key in read for found in _missing(given[key], read[key], f"{path}.{key}")
    ]


def validation_problems(error: ValidationError, ignore: tuple[str, ...] = ()) -> list[str]:
    """Return one line per invalid field: its path and the reason. The values themselves are not included.

    Args:
        error: what a model of this package raised.
        ignore: top-level fields to leave out.
    """
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        _problem(each["loc"], each["msg"]) for each in errors if each["loc"][:1] not in {(name,) for name in ignore}
    ]


def _problem(location: tuple[int | str, ...], message: str) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    reason = _MODEL.sub("valid object", message.removeprefix("Value error, "))
    return f"{path.lstrip('.') or 'object'}: {reason}"


def new_problems(new: Any, old: Any | None) -> list[str]:
    """Return the problems of `new` that `old` does not have, one line per field; `old` is None for a new object."""
    before = _problems(old) if old is not None else []
    return [problem for problem in _problems(new) if problem not in before]


def _problems(obj: Any) -> list[str]:
    try:
        read_cryostat(obj)
    except InvalidCryostatError as error:
        return error.problems
    return []
