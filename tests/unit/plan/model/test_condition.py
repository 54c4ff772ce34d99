"""Conditions and the order of their messages."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.model.condition import MAX_LENGTH, condition, failed
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason


@pytest.mark.parametrize(("good", "status"), [(True, "True"), (False, "False"), (None, "Unknown")])
def test_the_status_is_a_word(good: bool | None, status: str) -> None:
    found = condition("Exposed", Reason.ADDRESS_ASSIGNED, "text", good=good)
    assert found == {"type": "Exposed", "status": status, "reason": "AddressAssigned", "message": "text"}


def test_problems_for_a_user_come_first() -> None:
    waiting = Problem("core", Reason.SECRET_PENDING, "waits.")
    refused = Problem("core", Reason.QUOTA_EXCEEDED, "too much.")
    found = failed("Reconciled", [waiting, refused])
    assert (found["status"], found["reason"], found["message"]) == ("False", "QuotaExceeded", "too much. waits.")


def test_a_long_message_is_cut() -> None:
    assert len(condition("Ready", Reason.INVALID, "x" * 2 * MAX_LENGTH, good=False)["message"]) == MAX_LENGTH


def test_control_characters_are_escaped() -> None:
    found = condition("Ready", Reason.INVALID, "a\nReady: True\x1b[2J", good=False)
    assert found["message"] == "a Ready: True\\x1b[2J"


def test_objects_that_cannot_be_written_for_one_cause_are_one_sentence() -> None:
    def problem(name: str, cause: str) -> Problem:
        key = f"Secret here/{name}"
        return Problem("core", Reason.QUOTA_EXCEEDED, f"{key} cannot be written: {cause}. Raise it.", dedup_key=key)

    found = failed("Reconciled", [problem("a", "too much"), problem("b", "other"), problem("c", "too much")])
    assert found["message"] == (
        "Secret here/a and Secret here/c cannot be written: too much. Raise it. "
        "Secret here/b cannot be written: other. Raise it."
    )
