"""The values of the chart, and values at a path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "chart_values.yaml").read_text())
HOST = {"host": "jfr.example.com", "paths": [{"path": "/", "pathType": "Prefix"}]}


def values(path: str, value: Any) -> dict[str, Any]:
    """Values of the chart with only this value, at a path such as `core.service.type`."""
    for step in reversed(path.split(".")):
        value = {step: value}
    return dict(value)


def joined(*parts: dict[str, Any]) -> dict[str, Any]:
    """The parts in one mapping. Mappings at the same path are joined, too; otherwise the last value is used."""
    result: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = joined(result[key], value) if both else value
    return result


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each path of a mapping with its value, if that is not a mapping with further values."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value
