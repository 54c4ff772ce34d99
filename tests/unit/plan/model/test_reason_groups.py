"""Groups of reasons."""

from __future__ import annotations

from cryostat_operator.plan.model.reason_groups import COMPONENT_REASONS, reasons_of


def test_reasons_of_a_condition() -> None:
    assert reasons_of("TargetNamespacesReady") == {
        "NamespaceNotFound", "NamespaceTerminating", "NamespaceRecreated", "NamespaceNotServed",
    }  # fmt: skip
    assert reasons_of("Ready") >= COMPONENT_REASONS
