"""The defaults that admission writes into a Cryostat."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api.defaulting import with_defaults


@pytest.mark.parametrize("stored", [{}, {"spec": None}, {"spec": {"targetNamespaces": None, "enableAudit": None}}])
def test_a_new_cryostat_shows_its_namespace_and_has_an_audit_history(stored: dict[str, Any]) -> None:
    expected = {"targetNamespaces": ["here"], "enableAudit": True}
    assert with_defaults(stored, "here", creating=True)["spec"] == expected


def test_an_existing_cryostat_keeps_running_without_an_audit_history() -> None:
    expected = {"targetNamespaces": ["here"], "enableAudit": None}
    assert with_defaults({"spec": {"enableAudit": None}}, "here", creating=False)["spec"] == expected
    assert "enableAudit" not in with_defaults({"spec": {}}, "here", creating=False)["spec"]


@pytest.mark.parametrize("targets", [[], ["shop"]])
def test_given_values_are_kept_and_the_object_is_not_changed(targets: list[str]) -> None:
    obj = {"metadata": {"name": "x"}, "spec": {"targetNamespaces": targets, "enableAudit": False, "other": 1}}
    before = {**obj, "spec": dict(obj["spec"])}  # type: ignore[call-overload]
    assert with_defaults(obj, "here", creating=True) == before
    incomplete: dict[str, Any] = {"spec": {}}
    with_defaults(incomplete, "here", creating=True)
    assert incomplete == {"spec": {}}
