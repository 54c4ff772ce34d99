"""Reads the UIDs of accepted namespaces from an annotation of any shape."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from cryostat_operator.api.accepted_namespaces import accepted_namespaces
from cryostat_operator.api.constants import ANNOTATION_ACCEPT_NAMESPACES
from cryostat_operator.api.limits import MAX_ANNOTATION_READ


@pytest.mark.parametrize(
    ("text", "expected"),
    [("u1", {"u1"}), ("u1,u2", {"u1", "u2"}), (" u1 ,, u2 ,", {"u1", "u2"}), ("", set()), (" , ", set())],
)
def test_uids_are_separated_by_commas(text: str, expected: set[str]) -> None:
    assert accepted_namespaces({"annotations": {ANNOTATION_ACCEPT_NAMESPACES: text}}) == expected


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"annotations": None},
        {"annotations": "u1"},
        {"annotations": {}},
        {"annotations": {ANNOTATION_ACCEPT_NAMESPACES: ["u1"]}},
    ],
    ids=str,
)
def test_values_of_other_types_accept_no_namespace(metadata: dict[str, Any]) -> None:
    assert accepted_namespaces(metadata) == frozenset()


def test_a_long_annotation_is_not_split() -> None:
    """Each of a million words would take many times the memory of its characters."""
    longest = "u1".ljust(MAX_ANNOTATION_READ)
    assert accepted_namespaces({"annotations": {ANNOTATION_ACCEPT_NAMESPACES: longest}}) == {"u1"}
    metadata = {"annotations": {ANNOTATION_ACCEPT_NAMESPACES: "ab ,cd ," * 100_000}}
    tracemalloc.start()
    assert not accepted_namespaces(metadata)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
