"""Questions that a snapshot answers: missing keys, and served kinds."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.model.snapshot import ContentSummary, Snapshot


@pytest.mark.parametrize(
    ("keys", "missing"),
    [(["a"], set()), (["a", "c", "d"], {"c", "d"}), ([], set())],
    ids=["present", "absent", "none"],
)
def test_keys_that_a_secret_does_not_have_are_missing(keys: list[str], missing: set[str]) -> None:
    assert ContentSummary(frozenset({"a", "b"}), "d").missing(keys) == missing


def test_no_key_is_missing_if_there_are_too_many_to_remember() -> None:
    """An object that was not read completely must not be reported as one without the key."""
    assert ContentSummary(frozenset(), "d", has_too_many_keys=True).missing(["a"]) == frozenset()


def test_fingerprints_are_not_shown() -> None:
    """They are hashes of database keys."""
    assert "fingerprint" not in repr(ContentSummary(frozenset(), "d", fingerprints={"KEY": "hash"}))


@pytest.mark.parametrize(("apis", "expected"), [(None, True), (frozenset({"Route"}), True), (frozenset(), False)])
def test_without_a_discovery_all_kinds_count_as_served(apis: frozenset[str] | None, expected: bool) -> None:
    assert Snapshot(apis=apis).serves("Route") is expected
