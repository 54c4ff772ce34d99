"""Reads Cryostats that are not validated: a value of an unexpected type counts as absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Obj = Mapping[str, Any]
"""A part of a Cryostat in the shape of its JSON, which is only read."""


def mapping_of(value: Any) -> Obj:
    """Return a value that is a mapping; an empty mapping for any other."""
    return value if isinstance(value, Mapping) else {}


def items_of(value: Any) -> list[Any]:
    """Return a value that is a list; an empty list for any other."""
    return value if isinstance(value, list) else []


def mappings_of(value: Any) -> list[Obj]:
    """Return the mappings in a value that is a list; an empty list for any other."""
    return [item for item in items_of(value) if isinstance(item, Mapping)]


def value_at(node: Any, path: str) -> Any:
    """Return the value at a dotted path; None if there is none."""
    for step in path.split("."):
        node = mapping_of(node).get(step)
    return node
