"""Values of Secrets with white space at the beginning or end."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.snapshot import ContentSummary
from cryostat_operator.plan.white_space import MAX_SIZE, find_white_space
from tests.unit.cluster_state import ClusterState, cryostat

EXTERNAL = {"url": "https://s3.example.com", "region": "r"}
FLAWS = dict.fromkeys(("CONNECTION_KEY", "ENCRYPTION_KEY", "ACCESS_KEY", "SECRET_KEY"), "ends with a line break")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"hunter2", None),
        (b"hunter 2", None),
        (b"hunter2\n", "ends with a line break"),
        (b"hunter2\r\n", "ends with a line break"),
        (b"hunter2 ", "ends with white space"),
        (b"\thunter2", "begins with white space"),
        (b"\xff\n", None),
        (b"x" * MAX_SIZE + b"\n", None),
    ],
)
def test_only_the_beginning_and_the_end_count(value: bytes, expected: str | None) -> None:
    assert find_white_space({"SECRET_KEY": base64.b64encode(value).decode()}).get("SECRET_KEY") == expected


def test_other_keys_and_malformed_values_are_ignored() -> None:
    assert find_white_space({"other": "YQo=", "ACCESS_KEY": "!", "SECRET_KEY": ""}) == {}


def test_the_effect_of_white_space_in_a_key_of_the_object_storage() -> None:
    state = ClusterState(cryostat({"objectStorageOptions": {"secretName": "keys"}})).settle()
    content = ContentSummary(frozenset(FLAWS), "d", white_space={"ACCESS_KEY": "begins with white space"})
    state.snapshot = replace(state.snapshot, data={**state.snapshot.data, ("Secret", "keys"): content})
    assert [each.message for each in state.plan.warnings if each.reason == "SecretValueInvalid"] == [
        "Key ACCESS_KEY of Secret keys begins with white space. The application removes the white space, so Deployment "
        "sample-storage refuses its requests. Set the value without white space, for example with printf in place of "
        "echo."
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"databaseOptions": {"secretName": "keys"}}, ["CONNECTION_KEY"]),
        ({"objectStorageOptions": {"secretName": "keys"}}, ["ACCESS_KEY", "SECRET_KEY"]),
        ({"objectStorageOptions": {"secretName": "keys", "provider": EXTERNAL}}, []),  # its only reader leaves it out
    ],
)
def test_only_what_a_component_cannot_use_is_reported(spec: Obj, expected: list[str]) -> None:
    state = ClusterState(cryostat(spec)).settle()
    content = ContentSummary(frozenset(FLAWS), "d", white_space=FLAWS)
    state.snapshot = replace(state.snapshot, data={**state.snapshot.data, ("Secret", "keys"): content})
    assert not state.plan.blocked
    found = [each.message for each in state.plan.warnings if each.reason == "SecretValueInvalid"]
    assert [text.split(" ")[1] for text in found] == expected


def test_a_password_that_is_corrected_is_used_by_a_new_database() -> None:
    """The database did not start with the former one, so that the claim has no data of it."""
    state = ClusterState(cryostat({"databaseOptions": {"secretName": "keys"}}))
    state.with_data("Secret", "keys", CONNECTION_KEY="aHVudGVyMgo=", ENCRYPTION_KEY="e")
    content = state.snapshot.data["Secret", "keys"]
    assert content
    with_white_space = replace(content, white_space={"CONNECTION_KEY": "ends with a line break"})
    state.snapshot = replace(state.snapshot, data={**state.snapshot.data, ("Secret", "keys"): with_white_space})
    state.settle().with_data("Secret", "keys", CONNECTION_KEY="aHVudGVyMg==", ENCRYPTION_KEY="e")
    assert not state.plan.problems
