"""Groups of reasons."""

from __future__ import annotations

from cryostat_operator.plan.model.reason_groups import COMPONENT_REASONS, MISSING_OBJECT_REASONS, reasons_of
from cryostat_operator.plan.model.reasons import Reason


def test_reasons_of_a_condition() -> None:
    assert reasons_of("TargetNamespacesReady") == {
        "NamespaceNotFound", "NamespaceTerminating", "NamespaceRecreated", "NamespaceNotServed",
    }  # fmt: skip
    assert reasons_of("Ready") >= COMPONENT_REASONS


def test_missing_objects_have_all_reasons_that_say_so() -> None:
    assert reasons_of("TargetNamespacesReady") <= MISSING_OBJECT_REASONS
    assert {reason for reason in Reason if reason.endswith("NotFound")} <= MISSING_OBJECT_REASONS
