"""Finds the operator's own fields in the schema of an object, without those of embedded Kubernetes types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cryostat_operator.api.base import EMBEDDED_KEY, Model
from cryostat_operator.api.v1beta2 import Cryostat


def own_fields(schema: dict[str, Any], model: type[Model] = Cryostat) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas by dotted path (`spec.reportOptions.replicas`). Paths go through lists without an index."""
    raw = model.model_json_schema(by_alias=True)
    yield from _walk(raw, schema, raw["$defs"], "")


def _walk(raw: Any, schema: dict[str, Any], defs: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for inner in _choices(raw, defs):
        if "items" in inner and EMBEDDED_KEY not in inner["items"]:
            yield from _walk(inner["items"], schema["items"], defs, path)
        for name, child in inner.get("properties", {}).items():
            if path or name != "metadata":
                below = f"{path}.{name}".lstrip(".")
                yield below, schema["properties"][name]
                yield from _walk(child, schema["properties"][name], defs, below)


def _choices(raw: dict[str, Any], defs: dict[str, Any]) -> list[dict[str, Any]]:
    if "$ref" in raw:
        return _choices(defs[raw["$ref"].rsplit("/", 1)[-1]], defs)
    if "anyOf" in raw:
        return [found for choice in raw["anyOf"] for found in _choices(choice, defs)]
    return [raw]
