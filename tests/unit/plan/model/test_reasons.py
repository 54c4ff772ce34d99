"""The table of reasons."""

from __future__ import annotations

import re

from cryostat_operator.plan.model.reasons import Reason


def test_values_are_what_kubernetes_accepts() -> None:
    assert all(re.fullmatch("[A-Z][A-Za-z]+", reason) for reason in Reason)


def test_a_reason_is_its_text() -> None:
    assert f"{Reason.NAME_COLLISION}" == str(Reason.NAME_COLLISION) == "NameCollision"
