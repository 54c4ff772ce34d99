"""Types of the conversion rules: a rule maps one chart value to fields of the spec, or reports why it cannot."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

Values = Mapping[str, Any]

UNKNOWN_VALUE = "chart version 2.3 has no such value; it is ignored"
EXPECTED_MAPPING = "must be a mapping; it is ignored"


@dataclass(frozen=True)
class SetField:
    """Sets a field of the spec.

    Attributes:
        path: dotted path of the field below `spec`.
        value: its value in the shape of its JSON.
    """

    path: str
    value: Any


@dataclass(frozen=True)
class NotConverted:
    """A chart value that no field of the Cryostat takes.

    Attributes:
        path: dotted path of the value in the chart.
        advice: what to do about it.
    """

    path: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}: {self.advice}"


Finding = SetField | NotConverted


@dataclass(frozen=True)
class Context:
    """All values of the release, and the name of the Cryostat."""

    values: Values
    name: str = "cryostat"

    def at(self, path: str) -> Any:
        """Return the value at a dotted path, or None."""
        found: Any = self.values
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        return found


Rule = Callable[[str, Any, Context], Iterator[Finding]]
"""`rule(path, value, context)` yields the findings for one value. Empty values are never passed to a rule."""


def for_mapping(*known: str) -> Callable[[Rule], Rule]:
    """Decorate a rule for a mapping with these keys; other keys are reported."""

    def decorated(rule: Rule) -> Rule:
        @wraps(rule)
        def guarded(path: str, value: Any, context: Context) -> Iterator[Finding]:
            if not isinstance(value, Mapping):
                yield NotConverted(path, EXPECTED_MAPPING)
                return
            yield from rule(path, value, context)
            yield from (NotConverted(f"{path}.{key}", UNKNOWN_VALUE) for key in value if key not in known)

        return guarded

    return decorated


@dataclass(frozen=True)
class MoveTo:
    """A rule that copies a value to a field, unless it equals the chart's default.

    Attributes:
        path: dotted path of the field below `spec`.
        default: the chart's default. A mapping is merged into it first, as Helm does.
        change: converts the value to the shape of the field.
    """

    path: str
    default: Any = None
    change: Callable[[Any], Any] = field(default=lambda value: value)

    def __call__(self, path: str, value: Any, context: Context) -> Iterator[Finding]:
        whole = with_chart_defaults(value, self.default)
        if whole != self.default:
            yield SetField(self.path, self.change(whole))


@dataclass(frozen=True)
class NotSupported:
    """A rule for a value that no field takes.

    Attributes:
        advice: what to do about it.
        default: the chart's default, which is not reported.
        earlier_defaults: those of released charts, which are not reported either. `helm get values --all` shows them.
    """

    advice: str
    default: Any = None
    earlier_defaults: tuple[Any, ...] = ()

    def __call__(self, path: str, value: Any, context: Context) -> Iterator[Finding]:
        if value != self.default and value not in self.earlier_defaults:
            yield NotConverted(path, self.advice)


def with_chart_defaults(value: Any, default: Any) -> Any:
    """Merge a value into the chart's default: mappings are merged key by key, anything else replaces the default."""
    if not isinstance(value, Mapping) or not isinstance(default, Mapping):
        return value
    return {**default, **{key: with_chart_defaults(inner, default.get(key)) for key, inner in value.items()}}


def number_of(value: Any) -> Any:
    """Return the number in a text of decimal digits, any other value as it is."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() else value


def is_empty(value: Any) -> bool:
    """Return whether a value is absent, or an empty string, list or mapping."""
    return value is None or value in ("", [], {})


def evaluate(path: str, value: Any, rules: Mapping[str, Rule], context: Context) -> Iterator[Finding]:
    """Apply the rules to a value and everything below it.

    A value without a rule is reported once, at the highest path that no rule knows.
    """
    if is_empty(value):
        return
    if path in rules:
        yield from rules[path](path, value, context)
    elif path and not any(known.startswith(f"{path}.") for known in rules):
        yield NotConverted(path, UNKNOWN_VALUE)
    elif not isinstance(value, Mapping):
        yield NotConverted(path, EXPECTED_MAPPING)
    else:
        for key, inner in value.items():
            yield from evaluate(f"{path}.{key}" if path else str(key), inner, rules, context)
