"""Rules map a value to fields, unless it equals the default of the chart, or report it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cryostat_operator.helm.rule_types import (
    EXPECTED_MAPPING,
    UNKNOWN_VALUE,
    Context,
    Finding,
    MoveTo,
    NotConverted,
    NotSupported,
    SetField,
    evaluate,
    for_mapping,
    is_empty,
    number_of,
    with_chart_defaults,
)

CONTEXT = Context({"a": {"b": {"c": 1}, "text": "x"}})


def test_values_of_the_release_are_found_by_their_path() -> None:
    found = [CONTEXT.at(path) for path in ("a.b.c", "a.b", "a.x", "a.text.y", "z")]
    assert found == [1, {"c": 1}, None, None, None]


@pytest.mark.parametrize(
    ("value", "default", "expected"),
    [
        (1, None, 1),
        ({"a": 1}, {"a": 0, "b": 2}, {"a": 1, "b": 2}),
        ({"a": {"x": 1}}, {"a": {"y": 2}}, {"a": {"x": 1, "y": 2}}),
        ([1], [2], [1]),
        ("text", {"a": 1}, "text"),
        ({"a": 1}, "text", {"a": 1}),
    ],
)
def test_mappings_are_merged_into_the_default(value: Any, default: Any, expected: Any) -> None:
    assert with_chart_defaults(value, default) == expected


def test_the_default_of_the_chart_is_not_moved() -> None:
    rule = MoveTo("field", {"a": 1}, list)
    assert list(rule("path", {"a": 1}, CONTEXT)) == []
    assert list(rule("path", {"b": 2}, CONTEXT)) == [SetField("field", ["a", "b"])]


def test_defaults_of_all_releases_are_not_reported() -> None:
    rule = NotSupported("do this", 1, (2, 3))
    assert [list(rule("path", value, CONTEXT)) for value in (1, 2, 3)] == [[], [], []]
    assert list(rule("path", 4, CONTEXT)) == [NotConverted("path", "do this")]
    assert str(NotConverted("path", "do this")) == "path: do this"


@for_mapping("known")
def one_known_key(path: str, value: Any, context: Context) -> Iterator[Finding]:
    yield SetField("field", value.get("known"))


def test_unknown_keys_of_a_group_are_reported() -> None:
    assert list(one_known_key("path", {"known": 1, "other": 2}, CONTEXT)) == [
        SetField("field", 1),
        NotConverted("path.other", UNKNOWN_VALUE),
    ]
    assert list(one_known_key("path", "text", CONTEXT)) == [NotConverted("path", EXPECTED_MAPPING)]


@pytest.mark.parametrize(
    ("values", "findings"),
    [
        ({"a": {"b": 1}}, [SetField("field", 1)]),
        ({"a": {"b": None, "c": []}}, []),
        ({"a": {"c": 1}}, [NotConverted("a.c", UNKNOWN_VALUE)]),
        ({"x": {"y": {"z": 1}}}, [NotConverted("x", UNKNOWN_VALUE)]),
        ({"a": 1}, [NotConverted("a", EXPECTED_MAPPING)]),
    ],
)
def test_a_finding_has_the_path_of_its_rule_or_of_the_first_unknown_name(
    values: dict[str, Any], findings: list[Finding]
) -> None:
    assert list(evaluate("", values, {"a.b": MoveTo("field")}, CONTEXT)) == findings


def test_texts_of_digits_are_numbers() -> None:
    assert [number_of(value) for value in ("12", "1.5", "-1", "١", 3, None)] == [12, "1.5", "-1", "١", 3, None]


def test_only_absent_and_empty_values_are_empty() -> None:
    given: list[Any] = [None, "", [], {}, 0, False, "x", [0]]
    assert [value for value in given if not is_empty(value)] == [0, False, "x", [0]]
