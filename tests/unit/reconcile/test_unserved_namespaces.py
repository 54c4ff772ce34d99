"""Cryostats in namespaces that the operator does not serve."""

from __future__ import annotations

from typing import Any, cast

from cryostat_operator.api import constants
from cryostat_operator.observe.observer import Observer
from cryostat_operator.reconcile.reconciler import Reconciler
from cryostat_operator.reconcile.unserved_namespaces import unserved
from cryostat_operator.reconcile.work_queue import Result
from cryostat_operator.settings import Settings
from tests.unit.reconcile.conftest import CRYOSTAT_PATH, INSTANCE, Cluster, FakeObserver

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


async def test_the_deletion_does_not_keep_a_namespace_that_is_being_deleted(cluster: Cluster) -> None:
    """For example if the operator did not run while the namespace, with its permissions there, was deleted."""
    observer = FakeObserver(cluster)
    observer.served, observer.terminating = False, True
    settings = Settings(service_tls=False, watch_namespaces=("here",))
    reconciler = Reconciler(cluster.server, cast(Observer, observer), cluster.cryostats, settings, cluster.metrics)
    cluster.cryostat(finalizers=[constants.FINALIZER], deletionTimestamp="2026-01-01T00:00:00Z", annotations=RETAIN)
    await reconciler(INSTANCE)
    assert cluster.server.find(CRYOSTAT_PATH) is None


async def test_in_a_namespace_that_is_not_served_only_the_status_is_written(cluster: Cluster) -> None:
    observer = FakeObserver(cluster)
    observer.served = False
    settings = Settings(service_tls=False, watch_namespaces=("elsewhere",))
    reconciler = Reconciler(cluster.server, cast(Observer, observer), cluster.cryostats, settings, cluster.metrics)
    cluster.cryostat()
    for _ in range(2):
        assert await reconciler(INSTANCE) == Result()
    assert cluster.server.writes == [("PATCH", f"{CRYOSTAT_PATH}/status")]
    [ready] = cluster.live_cryostat()["status"]["conditions"]
    assert (ready["type"], ready["status"], ready["reason"]) == ("Ready", "False", "NamespaceNotServed")
    metadata = {"finalizers": [constants.FINALIZER], "deletionTimestamp": "2026-01-01T00:00:00Z"}
    cluster.cryostat(annotations={constants.ANNOTATION_DATA_RETENTION: "Retain"}, **metadata)
    assert await reconciler(INSTANCE) == Result()
    assert cluster.finalizer.is_set(cluster.live_cryostat())
    [ready] = cluster.live_cryostat()["status"]["conditions"]
    assert ready["reason"] == "DeletionBlocked"
    cluster.cryostat(**metadata)
    await reconciler(INSTANCE)
    assert cluster.server.find(CRYOSTAT_PATH) is None, "the deletion is not blocked"
