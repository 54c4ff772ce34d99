"""What a rule says about one value of the chart: a field of the spec to set, or that it cannot be carried over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Values = Mapping[str, Any]
UNKNOWN = "not a value of the chart that this version knows; it is left out"


@dataclass(frozen=True)
class Set:
    """A field of the spec, as a dotted path, and its value."""

    path: str
    value: Any


@dataclass(frozen=True)
class Warn:
    """A value, by its dotted path in the chart, that the Cryostat does not carry, and what to do about it."""

    path: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}: {self.advice}"


Finding = Set | Warn


@dataclass(frozen=True)
class Context:
    """All values, and the name that the Cryostat will have."""

    values: Values
    name: str = "cryostat"

    def at(self, path: str) -> Any:
        """The value at a dotted path, or None."""
        found: Any = self.values
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found


Rule = Callable[[str, Any, Context], Iterator[Finding]]
"""rule(path, value, context): what becomes of one value. It is asked only about values that are not empty."""


@dataclass(frozen=True)
class To:
    """Moves a value; with `default`, that of the chart, one that says the same is no wish.

    A mapping is completed from the default first, as the chart does.
    """

    path: str
    default: Any = None
    change: Callable[[Any], Any] = field(default=lambda value: value)

    def __call__(self, path: str, value: Any, context: Context) -> Iterator[Finding]:
        whole = completed(value, self.default)
        if whole != self.default:
            yield Set(self.path, self.change(whole))


@dataclass(frozen=True)
class Lost:
    """Names a value that no field takes, unless it is the chart's default."""

    advice: str
    default: Any = None

    def __call__(self, path: str, value: Any, context: Context) -> Iterator[Finding]:
        if value != self.default:
            yield Warn(path, self.advice)


def completed(value: Any, default: Any) -> Any:
    """A value with what the chart's default adds to it: mappings are joined, all else replaces."""
    if not isinstance(value, Mapping) or not isinstance(default, Mapping):
        return value
    return {**default, **{key: completed(inner, default.get(key)) for key, inner in value.items()}}


def is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def judged(path: str, value: Any, rules: Mapping[str, Rule], context: Context) -> Iterator[Finding]:
    """Findings about everything below a path; what no rule knows is named at the highest place that is unknown."""
    if is_empty(value):
        return
    if path in rules:
        yield from rules[path](path, value, context)
    elif path and not any(known.startswith(f"{path}.") for known in rules):
        yield Warn(path, UNKNOWN)
    elif not isinstance(value, Mapping):
        yield Warn(path, "a mapping is expected here")
    else:
        for key, inner in value.items():
            yield from judged(f"{path}.{key}" if path else str(key), inner, rules, context)
