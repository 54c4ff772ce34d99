"""Upper limits of a Cryostat's size.

Two kinds: limits of the CRD, which the API server checks when an object is written, and limits of reading, which bound
the work of the operator for objects that were stored before the CRD had limits. The latter are larger, so that such
objects keep working.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

# CRD: maxItems and maxProperties.
MAX_NAMESPACES = 1_000
MAX_ITEMS = 256
MAX_PROPERTIES = 256
# Replicas of the report generators: an author of Cryostats who may not create Deployments must not flood the cluster.
MAX_REPLICAS = 256

# Authors in one namespace must not use up the memory of the operator. Limits of a namespace: the number of Cryostats,
# each of which takes up to 0.3 MiB, and the characters of text in all their specs.
MAX_CRYOSTATS = 500
MAX_TEXT_IN_NAMESPACE = 8 << 20

# Characters of a Kubernetes quantity.
MAX_QUANTITY = 128

# Reading: entries of one list or map; values, and characters of texts and keys, of the whole spec.
MAX_ENTRIES_READ = 2_000
MAX_VALUES_READ = 20_000
MAX_TEXT_READ = 256 << 10
# Characters of a key. Paths in messages contain keys, so a long one would be copied for each value below it.
MAX_KEY_READ = 1_024
_MAX_LEVELS = 32  # nested lists and maps

# Characters of one annotation of a Cryostat. Longer ones are ignored.
MAX_ANNOTATION_READ = 64 << 10
# Characters of one text of a pod or workload. The API server stores no longer annotations, and no program gets a longer
# variable. Split into words, a text takes many times its own memory.
MAX_POD_TEXT_READ = 256 << 10


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
    for value, position in _containers(spec):
        size = len(value)
        count += size
        if size > MAX_ENTRIES_READ:
            return [f"{_path(position)}: has {size} entries; at most {MAX_ENTRIES_READ} are supported"]
        if _levels(position) > _MAX_LEVELS:
            return [f"{_path(position)}: is nested more than {_MAX_LEVELS} levels deep"]
        if count > MAX_VALUES_READ:
            return [f"spec: has more than {MAX_VALUES_READ} values; remove entries from its lists and maps"]
        if isinstance(value, dict) and (longest := max(map(_length, value), default=0)) > MAX_KEY_READ:
            return [f"{_path(position)}: has a key of {longest} characters; at most {MAX_KEY_READ} are supported"]
        text += _characters(value)
        if text > MAX_TEXT_READ:
            return [f"spec: has more than {MAX_TEXT_READ} characters of text; shorten it"]
    return []


def text_length(obj: Any) -> int:
    """Return the number of characters of all texts and keys of an object."""
    return sum(_characters(value) for value, _ in _containers(obj))


def has_more_values(obj: Any, maximum: int) -> bool:
    """Return whether all lists and maps of an object together have more entries than `maximum`, in as many steps."""
    count = 0
    for value, _ in _containers(obj):
        count += len(value)
        if count > maximum:
            return True
    return False


def has_longer_text(obj: Any, maximum: int) -> bool:
    """Return whether a text or key of an object has more than `maximum` characters."""
    return any(_length(text) > maximum for value, _ in _containers(obj) for text in _texts(value))


def _characters(value: Any) -> int:
    return sum(_length(each) for each in _texts(value))


def _texts(value: Any) -> Iterable[Any]:
    return (*value, *value.values()) if isinstance(value, dict) else value


def _length(text: Any) -> int:
    return len(text) if isinstance(text, str) else 0


class _Position(NamedTuple):
    """Where a list or map is. Its path is not built in advance: keys can be long, and the values below them many."""

    levels: int
    step: str | int
    parent: _Position | None


def _levels(position: _Position | None) -> int:
    return position.levels if position else 0


def _path(position: _Position | None) -> str:
    steps: list[str] = []
    while position:
        steps.append(f"[{position.step}]" if isinstance(position.step, int) else f".{position.step}")
        position = position.parent
    return "spec" + "".join(reversed(steps))


def _containers(value: Any) -> Iterator[tuple[Any, _Position | None]]:
    """Yield all lists and maps with their positions, the outer ones first."""
    pending: list[tuple[Any, _Position | None]] = [(value, None)]
    while pending:
        value, position = pending.pop()
        if not isinstance(value, dict | list):
            continue
        yield value, position
        levels = _levels(position) + 1
        children = value.items() if isinstance(value, dict) else enumerate(value)
        pending += [(i, _Position(levels, s, position)) for s, i in children if isinstance(i, dict | list)]
