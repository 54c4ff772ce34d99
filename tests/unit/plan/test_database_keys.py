"""The record of a database's keys."""

from __future__ import annotations

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.database_keys import changed_keys, fingerprints, record, recorded
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.snapshot import ContentSummary

DATA = {"CONNECTION_KEY": "password", "ENCRYPTION_KEY": "secret", "OTHER": "value"}


def content(**data: str) -> ContentSummary:
    return ContentSummary(frozenset(data), "", fingerprints=fingerprints(data))


def claim(text: str | None) -> Obj:
    return {"metadata": {"annotations": {constants.ANNOTATION_DATABASE_KEYS: text} if text else {}}}


def test_a_record_names_both_keys_and_no_value() -> None:
    text = record(content(**DATA), "uid")
    assert text
    assert [part.partition("=")[0] for part in text.split(",")] == ["salt", "CONNECTION_KEY", "ENCRYPTION_KEY"]
    assert not [value for value in DATA.values() if value in text]


@pytest.mark.parametrize("missing", ["CONNECTION_KEY", "ENCRYPTION_KEY"])
def test_keys_without_a_value_are_not_recorded(missing: str) -> None:
    assert record(content(**DATA | {missing: ""}), "uid") is None
    assert record(None, "uid") is None


def test_equal_keys_of_two_instances_have_different_records() -> None:
    one, other = record(content(**DATA), "one"), record(content(**DATA), "other")
    assert one
    assert other
    assert not set(one.split(",")) & set(other.split(","))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"OTHER": "x"}, []),
        ({"CONNECTION_KEY": "x"}, ["CONNECTION_KEY"]),
        ({"ENCRYPTION_KEY": "x"}, ["ENCRYPTION_KEY"]),
        ({"CONNECTION_KEY": "secret", "ENCRYPTION_KEY": "password"}, ["CONNECTION_KEY", "ENCRYPTION_KEY"]),
    ],
)
def test_another_value_is_noticed(changes: dict[str, str], expected: list[str]) -> None:
    text = record(content(**DATA), "uid")
    assert changed_keys(claim(text), content(**DATA | changes)) == expected


@pytest.mark.parametrize("text", [None, "", "nonsense", "salt=x", "=,=,="])
def test_without_a_readable_record_nothing_differs(text: str | None) -> None:
    assert changed_keys(claim(text), content(**DATA)) == []
    assert changed_keys(None, content(**DATA)) == []


def test_a_missing_secret_is_another_problem() -> None:
    assert changed_keys(claim(record(content(**DATA), "uid")), None) == []


def test_an_empty_record_is_none() -> None:
    assert recorded(claim("")) is None
    assert recorded(None) is None
