"""Upper limits of a Cryostat's size.

Two kinds: limits of the CRD, which the API server checks when an object is written, and limits of reading, which bound
the work of the operator for objects that were stored before the CRD had limits. The latter are larger, so that such
objects keep working.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# CRD: maxItems and maxProperties.
MAX_NAMESPACES = 1_000
MAX_ITEMS = 256
MAX_PROPERTIES = 256
# Pods of the report generators: an author of Cryostats who may not create Deployments must not flood the cluster.
MAX_REPLICAS = 256

# Characters of a Kubernetes quantity.
MAX_QUANTITY = 128

# Reading: entries of one list or map; values, and characters of texts and keys, of the whole spec.
MAX_ENTRIES_READ = 2_000
MAX_VALUES_READ = 20_000
MAX_TEXT_READ = 256 << 10
_MAX_LEVELS = 32


class OversizedSpec(dict[str, Any]):
    """Replaces a spec that is too large to be kept in memory.

    Attributes:
        problems: why it is too large.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__(tooLarge=problems)
        self.problems = problems


def size_problems(spec: Any) -> list[str]:
    """Return why a spec is too large to be read; empty if it is not. Takes at most `MAX_VALUES_READ` steps."""
    if isinstance(spec, OversizedSpec):
        return spec.problems
    count = text = 0
    for path, value, levels in _containers(spec):
        size = len(value)
        count += size
        if size > MAX_ENTRIES_READ:
            return [f"{path}: has {size} entries; at most {MAX_ENTRIES_READ} are supported"]
        if levels > _MAX_LEVELS:
            return [f"{path}: is nested more than {_MAX_LEVELS} levels deep"]
        if count > MAX_VALUES_READ:
            return [f"spec: has more than {MAX_VALUES_READ} values; remove entries from its lists and maps"]
        text += _characters(value)
        if text > MAX_TEXT_READ:
            return [f"spec: has more than {MAX_TEXT_READ} characters of text; shorten it"]
    return []


def has_more_values(obj: Any, maximum: int) -> bool:
    """Whether all lists and maps of an object together have more than `maximum` entries, in at most as many steps."""
    count = 0
    for _, value, _ in _containers(obj):
        count += len(value)
        if count > maximum:
            return True
    return False


def _characters(value: Any) -> int:
    texts = (*value, *value.values()) if isinstance(value, dict) else value
    return sum(len(each) for each in texts if isinstance(each, str))


def _containers(value: Any) -> Iterator[tuple[str, Any, int]]:
    """Path, value and nesting level of all lists and maps, the outer ones first."""
    pending: list[tuple[str, Any, int]] = [("spec", value, 0)]
    while pending:
        path, value, levels = pending.pop()
        if isinstance(value, dict):
            yield path, value, levels
            pending += [(f"{path}.{key}", inner, levels + 1) for key, inner in value.items()]
        elif isinstance(value, list):
            yield path, value, levels
            pending += [(f"{path}[{index}]", inner, levels + 1) for index, inner in enumerate(value)]
