"""The main path of a reconcile: the order of its steps, and their writes."""

from __future__ import annotations

import math
from collections.abc import Collection
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.observe.observer import Observer
from cryostat_operator.observe.records import content_summary
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.kinds import InstanceKey, Key
from cryostat_operator.plan.model.snapshot import ContentSummary
from cryostat_operator.reconcile.reconciler import MAX_TIMER_SECONDS, UNOBSERVED_SECONDS, Reconciler
from cryostat_operator.reconcile.work_queue import Result
from cryostat_operator.settings import Settings
from tests.unit.reconcile.conftest import CRYOSTAT_PATH, INSTANCE, Cluster, FakeObserver, refuse


async def test_a_new_cryostat_gets_its_finalizer_before_anything_else(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    result = await reconciler(INSTANCE)
    assert not result.failed
    first, *others = cluster.server.writes
    assert first == ("PATCH", CRYOSTAT_PATH)
    assert cluster.finalizer.is_set(cluster.live_cryostat())
    assert cluster.server.find(Key("Deployment", "here", "sample"))
    assert others[-1] == ("PATCH", f"{CRYOSTAT_PATH}/status")
    objects = [path for method, path in others if method == "POST" and not path.endswith("/events")]
    assert len(objects) == len(cluster.owned.records(INSTANCE)) == len(others) - len(cluster.events()) - 1


async def test_a_cryostat_in_sync_causes_no_request(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    await reconciler(INSTANCE)
    cluster.server.requests.clear()
    assert await reconciler(INSTANCE) == Result()
    assert cluster.server.requests == []


async def test_a_deleted_object_is_created_again(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    key = Key("Service", "here", "sample")
    cluster.server.remove(key)
    cluster.owned.remove(INSTANCE, key)
    cluster.server.requests.clear()
    await reconciler(INSTANCE)
    assert cluster.server.writes[0] == ("POST", "/api/v1/namespaces/here/services")
    assert cluster.server.find(key)


async def test_a_changed_object_is_repaired(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    key = Key("Service", "here", "sample")
    live = cluster.live(key)
    cluster.put(key, metadata=live["metadata"], spec={**live["spec"], "ports": []})
    await reconciler(INSTANCE)
    repaired = cluster.live(key)
    assert repaired["spec"]["ports"] == live["spec"]["ports"]


async def test_only_the_status_of_a_paused_cryostat_is_written(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat(annotations={constants.ANNOTATION_PAUSE: "true"})
    await reconciler(INSTANCE)
    assert cluster.condition("Ready")["reason"] == "Paused"
    written = {path for _, path in cluster.server.writes}
    assert written == {f"{CRYOSTAT_PATH}/status", "/api/v1/namespaces/here/events"}


async def test_a_paused_cryostat_is_not_reconciled_while_an_object_differs(
    cluster: Cluster, reconciler: Reconciler
) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    cluster.cryostat(**cluster.live_cryostat()["metadata"], annotations={constants.ANNOTATION_PAUSE: "true"})
    await reconciler(INSTANCE)
    assert cluster.condition("Reconciled") == {}
    key = Key("Service", "here", "sample")
    cluster.server.remove(key)
    cluster.owned.remove(INSTANCE, key)
    await reconciler(INSTANCE)
    assert cluster.condition("Reconciled")["reason"] == "Paused"
    assert cluster.condition("Reconciled")["message"].startswith(f"{key} differs from the spec")


async def test_a_file_that_was_read_after_the_snapshot_is_reported_and_a_restart_writes_nothing(
    cluster: Cluster, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    flawed = ContentSummary(frozenset({"f"}), "d", login_flaws={"f": ("contains no user", True)})
    summary_of = content_summary
    monkeypatch.setattr(
        "tests.unit.reconcile.conftest.content_summary",
        lambda obj: flawed if obj["metadata"]["name"] == "login" else summary_of(obj),
    )
    cluster.server.put("/api/v1/namespaces/here/secrets/login", {"metadata": {"name": "login"}, "data": {"f": "YQ=="}})
    cluster.cryostat({"authorizationOptions": {"basicAuth": {"secretName": "login", "filename": "f"}}})
    await reconciler(INSTANCE)
    assert cluster.condition("AuthenticationEnabled")["reason"] == "LoginFileInvalid"
    assert [reason for reason, _ in cluster.events()] == ["LoginFileInvalid"]
    await reconciler(INSTANCE)
    cluster.server.requests.clear()
    reconciler.reset()
    await reconciler(INSTANCE)
    assert cluster.server.writes == []


async def test_an_invalid_cryostat_changes_no_object(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat({"targetNamespaces": 5})
    assert await reconciler(INSTANCE) == Result()
    assert cluster.condition("Ready")["reason"] == "InvalidSpec"
    assert not cluster.finalizer.is_set(cluster.live_cryostat())
    assert cluster.server.find(Key("Deployment", "here", "sample")) is None


async def test_an_unexpected_exception_is_an_internal_error(
    cluster: Cluster, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise KeyError("secret")

    monkeypatch.setattr(reconciler, "plan", broken)
    cluster.cryostat()
    assert await reconciler(INSTANCE) == Result(failed=True)
    assert cluster.condition("Ready")["reason"] == "InternalError"


async def test_a_refused_object_is_tried_once_and_reported(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    reconciler._applier._limiter._clock = lambda: 0.0
    cluster.server.hook = refuse("POST", "/services", ApiError(403, "Forbidden", "no services"))
    assert await reconciler(INSTANCE) == Result(failed=True)
    assert cluster.condition("Ready")["reason"] == "Forbidden"
    created = [path for _, path in cluster.server.writes if path.endswith("/services")]
    refused = cluster.metrics.reconcile_errors.labels("Forbidden")._value.get()
    assert len(created) == refused > 0
    cluster.server.requests.clear()
    assert await reconciler(INSTANCE) == Result(failed=True)
    assert cluster.server.writes == [], "the write limiter delays the refused writes"
    assert cluster.metrics.reconcile_errors.labels("Forbidden")._value.get() == refused
    assert cluster.condition("Ready")["reason"] == "Forbidden"
    assert cluster.server.find(Key("ServiceAccount", "here", "sample"))


async def test_a_transient_refusal_is_retried_soon_and_not_reported(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    cluster.server.hook = refuse("POST", "/services", ApiError(409, "Conflict", "try again"))
    assert await reconciler(INSTANCE) == Result(requeue_after=1.0)
    assert "try again" not in str(cluster.live_cryostat())


async def test_the_finalizer_of_a_deleted_cryostat_is_removed(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    live = cluster.live_cryostat()
    cluster.cryostat(**{**live["metadata"], "deletionTimestamp": "2020-01-01T00:00:00Z"})
    assert await reconciler(INSTANCE) == Result()
    assert cluster.server.find(CRYOSTAT_PATH) is None


async def test_a_cryostat_that_no_longer_exists_is_forgotten(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat(finalizers=[constants.FINALIZER])
    cluster.server.hook = refuse("POST", "/services", ApiError(403, "Forbidden", "no services"))
    await reconciler(INSTANCE)
    tables: dict[str, Collection[InstanceKey]] = {
        "adopted": reconciler._adoption._adopted,
        "events": reconciler._status._events._recorded,
        "limiter": reconciler._applier._limiter._instances,
    }
    assert all(INSTANCE in table for table in tables.values()), tables
    body = cluster.live_cryostat()
    cluster.server.remove(CRYOSTAT_PATH)  # a user removed the finalizer
    cluster.cryostats.handle_event("DELETED", body)
    await reconciler(INSTANCE)
    assert not any(INSTANCE in table for table in tables.values()), tables
    assert cast(Any, reconciler._observer).forgotten == [INSTANCE]


async def test_a_cryostat_whose_deletion_was_missed_is_discarded(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    cluster.server.remove(CRYOSTAT_PATH)
    assert await reconciler(INSTANCE) == Result(requeue_after=0.0)
    assert cluster.cryostats.get(INSTANCE) is None
    assert cluster.server.find(Key("Deployment", "here", "sample")) is None


async def test_results_are_counted(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    assert cluster.metrics.reconciles.labels("ok")._value.get() == 1
    cluster.server.hook = lambda *_: ApiError(403, "Forbidden", "no")
    cluster.cryostat({"targetNamespaces": ["here", "there"]}, finalizers=[constants.FINALIZER])
    await reconciler(INSTANCE)
    assert cluster.metrics.reconciles.labels("retry")._value.get() == 1


async def test_nothing_is_written_after_a_restart(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    await reconciler(INSTANCE)
    restarted = Cluster(cluster.server)
    restarted.cryostats.handle_event(None, cluster.live_cryostat())
    for key in cluster.owned.records(INSTANCE):
        restarted.owned.record_write(key.kind, cluster.live(key))
    observer = cast(Observer, FakeObserver(restarted))
    again = Reconciler(cluster.server, observer, restarted.cryostats, Settings(service_tls=False), restarted.metrics)
    cluster.server.requests.clear()
    assert await again(INSTANCE) == Result()
    assert cluster.server.requests == []


@pytest.mark.parametrize(
    ("issuer", "renewal", "expiry", "expected"),
    [
        ("built-in", 100.0, 50.0, 101.0),  # the operator renews it, so it does not expire
        ("cert-manager", 100.0, 50.0, 51.0),  # cert-manager renews it; the operator reports an expired one
        ("cert-manager", 100.0, None, math.inf),
        ("built-in", None, 50.0, math.inf),
        ("off", 100.0, 50.0, math.inf),
        ("cert-manager", None, 10 * MAX_TIMER_SECONDS, MAX_TIMER_SECONDS),
    ],
)
def test_the_instance_is_reconciled_when_a_certificate_is_due(
    reconciler: Reconciler, issuer: str, renewal: float | None, expiry: float | None, expected: float
) -> None:
    observer = cast(FakeObserver, reconciler._observer)
    observer.renewal, observer.expiry = renewal, expiry
    assert reconciler._recheck_after(cast(Instance, SimpleNamespace(key=INSTANCE, tls_issuer=issuer))) == expected


async def test_a_list_that_is_refused_is_reported_in_the_status(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    assert await reconciler.report_unobserved(INSTANCE, None) == Result(requeue_after=UNOBSERVED_SECONDS)
    assert cluster.condition("Ready") == {}
    denied = ApiError(403, "Forbidden", 'User "o" cannot list resource "pods" in API group ""')
    for _ in range(2):
        assert await reconciler.report_unobserved(INSTANCE, denied) == Result(failed=True)
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "Forbidden")
    assert "Apply the roles of the operator again" in ready["message"]
    assert [reason for reason, _ in cluster.events()] == ["Forbidden"]
