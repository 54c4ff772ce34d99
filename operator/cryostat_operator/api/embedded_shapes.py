"""Checks the shape of embedded Kubernetes types, as far as the operator reads them.

The API server checks embedded types completely. These checks are for files, and for objects that were stored with
another schema: a value of the wrong type is reported with its path instead of failing later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .limits import MAX_QUANTITY

Check = Callable[[Any, str], None]
"""`check(value, path)` raises ValueError if the value has the wrong type."""


def text(value: Any, path: str) -> None:
    """Check that a value is a string."""
    _require(isinstance(value, str), path, "must be a string")


def whole_number(value: Any, path: str) -> None:
    """Check that a value is a whole number."""
    _require(isinstance(value, int) and not isinstance(value, bool), path, "must be a whole number")


def quantity(value: Any, path: str) -> None:
    """Check that a value is a string or a number, and short enough for a quantity."""
    _require(isinstance(value, str | int | float) and not isinstance(value, bool), path, "must be a string or number")
    _require(len(str(value)) <= MAX_QUANTITY, path, f"must have at most {MAX_QUANTITY} characters")


def list_of(item: Check) -> Check:
    """Return a check for a list of items, or null. An item must not be null."""

    def check(value: Any, path: str) -> None:
        if value is None:
            return
        _require(isinstance(value, list), path, "must be a list")
        for index, inner in enumerate(value):
            _require(inner is not None, f"{path}[{index}]", "must not be null")
            item(inner, f"{path}[{index}]")

    return check


def map_of(item: Check) -> Check:
    """Return a check for a map with arbitrary keys, or null."""

    def check(value: Any, path: str) -> None:
        if value is None:
            return
        _require(isinstance(value, dict), path, "must be an object")
        for key, inner in value.items():
            item(inner, f"{path}.{key}")

    return check


def fields(known: Mapping[str, Check]) -> Check:
    """Return a check for an object, or null, with these known fields. Null fields count as absent."""

    def check(value: Any, path: str) -> None:
        if value is None:
            return
        _require(isinstance(value, dict), path, "must be an object")
        for name, item in known.items():
            if value.get(name) is not None:
                item(value[name], f"{path}.{name}")

    return check


def validator(check: Check) -> Callable[[Any], Any]:
    """Return a pydantic validator; its message has the path below the field."""

    def validate(value: Any) -> Any:
        check(value, "")
        return value

    return validate


def _require(holds: bool, path: str, message: str) -> None:
    if not holds:
        raise ValueError(f"{path.lstrip('.')}: {message}" if path else message)


RESOURCES = fields({"requests": map_of(quantity), "limits": map_of(quantity)})
CLAIM = fields({"resources": RESOURCES, "accessModes": list_of(text), "storageClassName": text, "volumeName": text})
_BACKEND = fields({"service": fields({"name": text, "port": fields({"name": text, "number": whole_number})})})
_PATH = fields({"path": text, "backend": _BACKEND})
INGRESS = fields(
    {
        "ingressClassName": text,
        "defaultBackend": _BACKEND,
        "rules": list_of(fields({"host": text, "http": fields({"paths": list_of(_PATH)})})),
        "tls": list_of(fields({"hosts": list_of(text), "secretName": text})),
    }
)
