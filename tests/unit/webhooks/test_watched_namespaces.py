"""Refusals of namespaces that the operator does not serve."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.settings import Settings
from cryostat_operator.webhooks.watched_namespaces import namespace_refusal

CHOSEN = Settings(watch_namespaces=("a", "b"))
OWN = (
    "the operator does not serve namespace c. Create the Cryostat in another namespace, "
    "or ask an administrator to add the namespace to WATCH_NAMESPACES of the operator"
)
TARGET = (
    "spec.targetNamespaces: the operator does not serve namespace c. Remove it, "
    "or ask an administrator to add the namespace to WATCH_NAMESPACES of the operator"
)


def cryostat(namespace: str, *targets: str) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": namespace}, "spec": {"targetNamespaces": list(targets)}}


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (cryostat("a"), None, ""),
        (cryostat("a", "a", "b"), None, ""),
        (cryostat("c"), None, OWN),
        (cryostat("c", "a"), None, OWN),
        (cryostat("a", "b", "c"), None, TARGET),
        (cryostat("a", "c"), cryostat("a"), TARGET),
        (cryostat("a", "c"), cryostat("a", "b", "c"), ""),
        (cryostat("c", "a"), cryostat("c"), ""),
        (cryostat("c"), cryostat("c", "a"), TARGET),
    ],
)
def test_new_cryostats_and_added_target_namespaces_are_refused(new: Any, old: Any, expected: str) -> None:
    assert namespace_refusal(new, old, CHOSEN) == expected
    assert namespace_refusal(new, old, Settings()) == ""
