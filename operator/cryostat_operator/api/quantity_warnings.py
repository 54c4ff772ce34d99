"""Warnings about quantities, such as `1GB`: the API server refuses them with a regular expression only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from .base import SIZE
from .limits import MAX_QUANTITY

MAX_WARNINGS = 10
_AMOUNTS = ("limits", "requests")  # maps of quantities by resource
_SIZE_LIMIT = "sizeLimit"
_USER_KEYS = ("annotations", "labels", "nodeSelector", "matchLabels")
_BYTES = ("memory", "storage", "ephemeral-storage", _SIZE_LIMIT)
_EXAMPLES = dict.fromkeys(_BYTES, "512Mi or 2Gi")
# A comma before three digits may separate thousands, or a fraction.
_PARTS = re.compile(r"([0-9]+(?:\.[0-9]+|,(?![0-9]{3}(?![0-9]))[0-9]+)?)[ _]*([A-Za-z]*)")
# Suffixes as users write them, in lower case. `m` and `M` are not in the table: both are suffixes.
_SUFFIXES = {
    "": "", "b": "", "byte": "", "bytes": "", "core": "", "cores": "", "cpu": "", "cpus": "",
    "k": "k", "kb": "k", "ki": "Ki", "kib": "Ki", "mb": "M", "mi": "Mi", "mib": "Mi", "g": "G", "gb": "G",
    "gi": "Gi", "gib": "Gi", "t": "T", "tb": "T", "ti": "Ti", "tib": "Ti", "millicores": "m", "mcpu": "m",
}  # fmt: skip


def quantity_warnings(spec: Any) -> list[str]:
    """Return warnings about quantities that the schema refuses, and about amounts of bytes in thousandths of a byte.

    Args:
        spec: of a Cryostat, in the shape of its v1beta2 JSON. It may violate the schema.
    """
    return list(islice(_below(spec, "spec"), MAX_WARNINGS))


def _below(node: Any, path: str) -> Iterator[str]:
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _below(item, f"{path}[{index}]")
    if not isinstance(node, Mapping):
        return
    for key, value in node.items():
        if key in _AMOUNTS and isinstance(value, Mapping):
            for resource, amount in value.items():
                yield from _warning(amount, str(resource), f"{path}.{key}.{resource}")
        elif key == _SIZE_LIMIT:
            yield from _warning(value, key, f"{path}.{key}")
        elif key not in _USER_KEYS:
            yield from _below(value, f"{path}.{key}")


def _warning(amount: Any, resource: str, path: str) -> Iterator[str]:
    if isinstance(amount, float):
        yield f'{path}: a number with a fraction must be a text; write "{amount}"'
    if not isinstance(amount, str) or len(amount) > MAX_QUANTITY:
        return
    example = _EXAMPLES.get(resource, "500m or 2")
    if re.fullmatch(SIZE, amount):
        if resource in _BYTES and amount.endswith("m"):
            yield f"{path}: {amount} is an amount in thousandths of a byte; did you mean {amount[:-1]}Mi?"
        return
    near = _nearest(amount)
    yield f'{path}: "{amount}" is not a quantity; {f"did you mean {near}?" if near else f"use one such as {example}"}'


def _nearest(amount: str) -> str:
    """Return the quantity that was probably meant; empty if that is not clear."""
    parts = _PARTS.fullmatch(amount.strip().strip("\"'"))
    if parts is None:
        return ""
    number, unit = parts.groups()
    suffix = unit if unit in ("m", "M") else _SUFFIXES.get(unit.lower())
    return f"{number.replace(',', '.')}{suffix}" if suffix is not None else ""
