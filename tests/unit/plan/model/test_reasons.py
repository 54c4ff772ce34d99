"""The table of reasons."""

from __future__ import annotations

import re

from cryostat_operator.plan.model.reasons import COMPONENT_REASONS, Reason, reasons_of


def test_values_are_what_kubernetes_accepts() -> None:
    assert all(re.fullmatch("[A-Z][A-Za-z]+", reason) for reason in Reason)


def test_a_reason_is_its_text() -> None:
    assert f"{Reason.NAME_COLLISION}" == str(Reason.NAME_COLLISION) == "NameCollision"


def test_reasons_of_a_condition() -> None:
    assert reasons_of("TargetNamespacesReady") == {
        "NamespaceNotFound", "NamespaceTerminating", "NamespaceRecreated",
    }  # fmt: skip
    assert reasons_of("Ready") >= COMPONENT_REASONS
