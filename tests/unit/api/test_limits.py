"""Sizes up to the limits are read; larger specs are refused after a bounded number of steps."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from cryostat_operator.api import limits
from cryostat_operator.api.limits import has_more_values, size_problems
from cryostat_operator.api.validation import InvalidCryostatError, read_cryostat

TOO_MUCH_TEXT = "spec: has more than 262144 characters of text; shorten it"


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    "spec",
    [None, {}, {"a": list(range(limits.MAX_ENTRIES_READ))}, {str(n): {"a": [1]} for n in range(1_900)}, nested(32)],
    ids=["none", "empty", "longest list", "many values", "deepest"],
)
def test_specs_within_the_limits_are_accepted(spec: Any) -> None:
    assert size_problems(spec) == []


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        ({"a": {"b": [0] * 2_001}}, "spec.a.b: has 2001 entries; at most 2000 are supported"),
        ({"a": dict.fromkeys(map(str, range(2_001)))}, "spec.a: has 2001 entries; at most 2000 are supported"),
        ({"a": nested(33)}, f"spec{'.a' * 33}: is nested more than 32 levels deep"),
        (
            {"a": [[0] * 1_000] * 20},
            "spec: has more than 20000 values; remove entries from its lists and maps",
        ),
        ({"a": ["x" * 200_000], "b": {"c": "x" * 70_000}}, TOO_MUCH_TEXT),
        ({"a": {f"{n:01000}": 1 for n in range(300)}}, TOO_MUCH_TEXT),
        ({"a": {"x" * 1_025: 1}}, "spec.a: has a key of 1025 characters; at most 1024 are supported"),
        ({"a": [{"b": [0] * 2_001}]}, "spec.a[0].b: has 2001 entries; at most 2000 are supported"),
    ],
    ids=["list", "map", "levels", "total", "text", "keys", "key", "index"],
)
def test_specs_beyond_a_limit_are_refused(spec: Any, problem: str) -> None:
    assert size_problems(spec) == [problem]


def test_counting_ends_at_the_limit() -> None:
    class Counting(list[Any]):
        steps = 0

        def __len__(self) -> int:
            Counting.steps += 1
            return super().__len__()

    assert size_problems({"a": [Counting([0] * 1_000) for _ in range(1_900)]})
    assert Counting.steps < 50


def test_a_cryostat_beyond_the_limits_is_invalid() -> None:
    files = [{"configMapName": f"c{number}", "filename": "f"} for number in range(10_000)]
    with pytest.raises(InvalidCryostatError) as error:
        read_cryostat({"metadata": {"name": "x"}, "spec": {"eventTemplates": files}})
    assert error.value.problems == ["spec.eventTemplates: has 10000 entries; at most 2000 are supported"]


def test_the_problems_of_a_dropped_spec_are_kept() -> None:
    with pytest.raises(InvalidCryostatError, match="too many"):
        read_cryostat({"metadata": {"name": "x"}, "spec": limits.OversizedSpec(["too many"])})


@pytest.mark.parametrize("read", [size_problems, lambda obj: has_more_values(obj, limits.MAX_VALUES_READ)])
def test_a_long_key_is_not_copied_for_each_value_below_it(read: Callable[[Any], Any]) -> None:
    """A caller that is not the API server can send a key of megabytes above thousands of values."""
    obj = {"k" * 200_000: {str(number): number for number in range(1_500)}}
    tracemalloc.start()
    read(obj)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_longer_texts_are_found_in_keys_and_values() -> None:
    for obj in ({"a": ["x" * 11]}, {"x" * 11: 1}, [{"a": "x" * 11}]):
        assert limits.has_longer_text(obj, 10)
        assert not limits.has_longer_text(obj, 11)


def test_values_are_counted_up_to_the_limit() -> None:
    assert not has_more_values({"a": [1, 2], "b": {"c": 3}}, 5)
    assert has_more_values({"a": [1, 2], "b": {"c": 3}}, 4)
    assert not has_more_values("text", 0)
    assert has_more_values([[]] * 1_000_000, 10)
