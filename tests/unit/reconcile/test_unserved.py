"""Cryostats in namespaces that the operator does not serve."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants
from cryostat_operator.reconcile.unserved import unserved
from cryostat_operator.settings import Settings

OTHERS, CHOSEN = Settings(watch_namespaces=("a",)), Settings(watch_namespaces=("a", "here"))
RETAIN = {constants.ANNOTATION_DATA_RETENTION: "Retain"}


def body(**metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "here", **metadata}}


def test_the_problem_says_why_and_what_to_do() -> None:
    found = unserved(body(), OTHERS)
    assert found
    assert (found.reason, found.message) == (
        "NamespaceNotServed",
        "Namespace here is not served by the operator. "
        "The operator serves only namespaces that an administrator chose, and changes no object of this Cryostat. "
        "Ask an administrator to add the namespace to WATCH_NAMESPACES of the operator.",
    )
    found = unserved(body(annotations=RETAIN), CHOSEN)
    assert found
    assert (found.reason, found.message) == (
        "NamespaceNotServed",
        "Namespace here is not served by the operator. "
        "The operator lacks permissions there, and changes no object of this Cryostat. "
        "Ask an administrator to bind the ClusterRole cryostat-operator-chosen-namespace there to the ServiceAccount "
        "of the operator.",
    )


def test_a_deletion_waits_only_if_data_is_to_be_kept() -> None:
    assert unserved(body(deletionTimestamp="now"), OTHERS) is None
    found = unserved(body(deletionTimestamp="now", annotations=RETAIN), OTHERS)
    assert found
    assert (found.reason, found.message) == (
        "DeletionBlocked",
        "Namespace here is not served by the operator. "
        "The operator serves only namespaces that an administrator chose, and does not delete this Cryostat, because "
        "its data could not be kept. "
        "Ask an administrator to add the namespace to WATCH_NAMESPACES of the operator, or remove the annotation "
        "operator.cryostat.io/data-retention: this deletes the data.",
    )
