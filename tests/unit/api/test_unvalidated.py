"""Tests of reading values of any type."""

from __future__ import annotations

from cryostat_operator.api.unvalidated import items_of, mapping_of, mappings_of, value_at


def test_values_of_unexpected_types_count_as_absent() -> None:
    assert (mapping_of({"a": 1}), mapping_of("text"), mapping_of(None)) == ({"a": 1}, {}, {})
    assert (items_of([1]), items_of({"a": 1}), items_of(None)) == ([1], [], [])
    assert (mappings_of([{"a": 1}, "text"]), mappings_of("text")) == ([{"a": 1}], [])


def test_a_path_ends_at_the_first_value_that_is_no_mapping() -> None:
    spec = {"a": {"b": [1]}, "c": "text"}
    assert [value_at(spec, path) for path in ("a.b", "a.x", "c.d", "x.y")] == [[1], None, None, None]
