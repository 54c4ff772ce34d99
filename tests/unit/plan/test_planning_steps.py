"""The work of planning grows linearly with each list and map of the spec.

Counted are the calls of functions, not the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api.base import Model
from cryostat_operator.api.limits import MAX_ENTRIES_READ, MAX_VALUES_READ, size_problems
from cryostat_operator.packaging.crds import crd
from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from tests.unit.call_count import calls
from tests.unit.cluster_state import ClusterState, cryostat

_COUNT = 40
_MAX_RATIO = 3  # of the calls for spec with twice as many entries; it is 4 if they are quadratic
Schema = dict[str, Any]
Path = tuple[str, ...]


def _value(schema: Schema, number: int) -> Any:
    """A small value; those with other numbers differ where the schema allows it."""
    if "enum" in schema:
        return schema["enum"][number % len(schema["enum"])]
    kind = schema.get("type")
    if kind == "object":
        return {key: _value(schema["properties"][key], number) for key in schema.get("required", ())}
    if kind == "array":
        return [_value(schema["items"], number)]
    if kind == "boolean":
        return True
    if kind in ("integer", "number") or schema.get("x-kubernetes-int-or-string"):
        return min(schema.get("minimum", 1) + number, schema.get("maximum", 1 << 31))
    return f"x{number}"


def _lists(schema: Schema, path: Path = ()) -> Iterator[tuple[Path, Schema]]:
    """Paths of all lists and maps that are not inside of another one."""
    for name, member in schema.get("properties", {}).items():
        if member.get("type") == "array" or isinstance(member.get("additionalProperties"), dict):
            yield (*path, name), member
        else:
            yield from _lists(member, (*path, name))


SPEC: Schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
ITEMS: Mapping[str, Callable[[Schema, int], Any]] = {
    "trustedCertSecrets": lambda _, number: {"secretName": f"x{number}"},
}
# One of those with the same name, such as the tolerations of each component.
LISTS = {path[-1]: (path, schema) for path, schema in _lists(SPEC)}


def _spec(path: Path, schema: Schema, count: int) -> dict[str, Any]:
    value: Any
    if schema["type"] == "array":
        value = [ITEMS.get(path[-1], _value)(schema["items"], number) for number in range(count)]
    else:
        value = {f"x{number}": _value(schema["additionalProperties"], number) for number in range(count)}
    parents = [SPEC]
    for name in path[:-1]:
        parents.append(parents[-1]["properties"][name])
    for name, parent in zip(reversed(path), reversed(parents), strict=True):
        value = {**_value(parent, 0), name: value}
    return dict(value)


class Text(str):
    """A text whose comparisons are calls that are counted, also those of `in` and of lists and dictionaries."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other) is True

    def __hash__(self) -> int:
        return str.__hash__(self)


def _counted(value: Any) -> Any:
    """The same value with `Text` in place of `str`."""
    if isinstance(value, Model):
        for name, each in vars(value).items():
            vars(value)[name] = _counted(each)
        return value
    if isinstance(value, dict):
        return {_counted(key): _counted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_counted(each) for each in value]
    return Text(value) if type(value) is str else value


def planned(path: Path, schema: Schema, count: int) -> int:
    """The calls for a plan of a Cryostat that has a list or map with some entries."""
    state = ClusterState(cryostat(_spec(path, schema, count)))
    _counted(state.cryostat.spec)
    return calls(lambda: state.plan)


@pytest.fixture(scope="module", autouse=True)
def _filled_caches() -> None:
    path, schema = LISTS["targetNamespaces"]
    planned(path, schema, 1)


def test_the_lists_of_the_spec_are_found() -> None:
    assert len(LISTS) > 20
    assert {"trustedCertSecrets", "automatedRules", "accessModes", "labels", "targetNamespaces"} <= set(LISTS)


@pytest.mark.parametrize("name", LISTS)
def test_the_number_of_calls_is_linear(name: str) -> None:
    none, some, twice = (planned(*LISTS[name], count) for count in (0, _COUNT, 2 * _COUNT))
    assert twice - none <= _MAX_RATIO * max(some - none, _COUNT)


def compared(count: int) -> int:
    """The calls for the comparison of a plan with a cluster in which none of its objects exists."""
    state = ClusterState(cryostat(_spec(*LISTS["targetNamespaces"], count)), settings=Settings())
    plan = state.settle().plan
    found = diff(plan, Snapshot(), "uid")
    assert len(found.changes) > count
    return calls(lambda: (diff(plan, Snapshot(), "uid").ready, found.problems))


def test_the_number_of_calls_of_a_comparison_is_linear() -> None:
    none, some, twice = (compared(count) for count in (0, _COUNT, 2 * _COUNT))
    assert twice - none <= _MAX_RATIO * (some - none)


def reported(count: int) -> int:
    """The calls for the status of a Cryostat with some target namespaces that do not exist."""
    state = ClusterState(cryostat(_spec(*LISTS["targetNamespaces"], count)))
    state.snapshot = replace(state.snapshot, namespaces={})
    plan = state.plan
    assert len(plan.problems) >= count
    return calls(lambda: status_for(state.instance, plan, Report(), "2026-01-01T00:00:00Z"))


def test_a_problem_takes_few_calls() -> None:
    reported(0)
    assert reported(2 * _COUNT) - reported(_COUNT) <= 150 * _COUNT


@pytest.mark.parametrize(
    "values", [["a"] * (MAX_ENTRIES_READ + 1), [["a"]] * MAX_ENTRIES_READ, [{"a": ["b"] * 1000}] * 1000]
)
def test_a_spec_beyond_the_limits_is_refused_with_few_calls(values: list[Any]) -> None:
    """Each call handles one value, and no more than the limit."""
    assert calls(lambda: size_problems({"trustedCertSecrets": values})) < 10 * MAX_VALUES_READ


def test_comparisons_are_counted() -> None:
    names = [Text(f"x{number}") for number in range(20)]
    assert calls(lambda: [name for name in names if name in names]) > 20 * 20 / 2 - 20
    assert calls(lambda: list(dict.fromkeys(names))) < 3 * 20
