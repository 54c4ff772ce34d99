"""The main path of a reconcile: the order of its steps, and their writes."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.observe.observer import Observer
from cryostat_operator.observe.records import content_summary
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.kinds import KINDS, InstanceKey, Key, Obj
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.plan.model.snapshot import ContentSummary, NamespaceState, ReferenceData, Snapshot
from cryostat_operator.plan.model.times import LASTING_SECONDS
from cryostat_operator.plan.planner import Desired
from cryostat_operator.reconcile.ongoing_waits import Waits
from cryostat_operator.reconcile.reconciler import MAX_TIMER_SECONDS, Reconciler
from cryostat_operator.reconcile.results import TRANSIENT_RETRY_SECONDS
from cryostat_operator.reconcile.work_queue import Result
from cryostat_operator.settings import Settings
from tests.unit.reconcile.conftest import CRYOSTAT_PATH, INSTANCE, Cluster

GONE = {"kind": "cryostats", "name": "sample"}
OPTIONAL = {kind.kind for kind in KINDS.values() if kind.optional}


class NoPods:
    """A store without pods."""

    def failures(self, instance_key: InstanceKey) -> Mapping[str, str]:
        return {}


class FakeObserver:
    """Observes the in-memory API server directly, without watches."""

    def __init__(self, cluster: Cluster) -> None:
        self.owned = cluster.owned
        self.pods = NoPods()
        self.forgotten: list[InstanceKey] = []
        self._server = cluster.server
        self._data: dict[tuple[str, str], ContentSummary | None] = {}

    async def snapshot(self, instance_key: InstanceKey, uid: str, targets: tuple[str, ...]) -> Snapshot:
        return Snapshot(
            apis=frozenset(KINDS) - OPTIONAL,
            namespaces={instance_key.namespace: NamespaceState()},
            data=dict(self._data),
            live=self.owned.live(instance_key),
            in_sync={
                k: record.in_sync_with for k, record in self.owned.records(instance_key).items() if record.in_sync_with
            },
            api_server=("10.0.0.1",),
        )

    served = True

    def serves_namespace(self, name: str) -> bool:
        return self.served

    async def watch_on_demand(self, instance_key: InstanceKey, cryostat: object) -> None:
        pass

    async def live_objects(self, instance_key: InstanceKey) -> Mapping[Key, Obj]:
        return self.owned.live(instance_key)

    async def resolve(self, instance_key: InstanceKey, desired: Desired) -> ReferenceData:
        found = {(each.kind, each.name) for each in desired.references}
        found |= {(each.kind, each.name) for each in desired.requests}
        for kind, name in found:
            obj = self._server.find(Key(kind, instance_key.namespace, name))
            self._data[kind, name] = content_summary(obj) if obj else None
        return dict(self._data)

    def recheck_after(self, instance_key: InstanceKey) -> float:
        return float("inf")

    renewal: float | None = None
    expiry: float | None = None

    def renewal_due(self, instance_key: InstanceKey) -> float | None:
        return self.renewal

    def expiry_due(self, instance_key: InstanceKey) -> float | None:
        return self.expiry

    def forget_instance(self, instance_key: InstanceKey) -> None:
        self.forgotten.append(instance_key)


@pytest.fixture
def reconciler(cluster: Cluster) -> Reconciler:
    observer = cast(Observer, FakeObserver(cluster))
    return Reconciler(cluster.server, observer, cluster.cryostats, Settings(service_tls=False), cluster.metrics)


def refuse(method: str, part: str, error: ApiError) -> Callable[[str, str, Any], ApiError | None]:
    return lambda m, path, _: error if m == method and part in path else None


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
    live = cluster.server.find(key)
    assert live
    cluster.put(key, metadata=live["metadata"], spec={**live["spec"], "ports": []})
    await reconciler(INSTANCE)
    repaired = cluster.server.find(key)
    assert repaired
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


async def test_a_wait_is_checked_again_after_a_minute_and_then_a_problem(
    cluster: Cluster, reconciler: Reconciler
) -> None:
    clock = [0.0]
    reconciler._waits = Waits(lambda: clock[0])
    cluster.cryostat()
    await reconciler(INSTANCE)
    key = Key("Service", "here", "sample")
    live = cluster.server.find(key)
    assert live
    deleted = {**live["metadata"], "deletionTimestamp": "2020-01-01T00:00:00Z", "finalizers": ["example.com/hold"]}
    cluster.put(key, metadata=deleted, spec=live["spec"])
    assert await reconciler(INSTANCE) == Result(LASTING_SECONDS)
    assert cluster.condition("Reconciled")["reason"] == "ObjectBeingDeleted"
    clock[0] += LASTING_SECONDS
    assert await reconciler(INSTANCE) == Result()
    assert cluster.condition("Reconciled")["reason"] == "ObjectNotDeleted"
    assert [reason for reason, _ in cluster.events()].count("ObjectNotDeleted") == 1
    cluster.server.requests.clear()
    reconciler.reset()
    await reconciler(INSTANCE)
    assert cluster.server.writes == [], "nothing changes after a restart"


async def test_a_write_that_the_api_server_does_not_answer_for_a_minute_is_reported(
    cluster: Cluster, reconciler: Reconciler
) -> None:
    clock = [0.0]
    reconciler._waits = Waits(lambda: clock[0])
    cluster.cryostat()

    def refuse(method: str, path: str, _: object) -> ApiError | None:
        is_refused = method == "POST" and path.endswith("/services")
        return ApiUnavailable(503, "ServiceUnavailable", "no quorum") if is_refused else None

    cluster.server.hook = refuse
    assert await reconciler(INSTANCE) == Result(failed=True)
    assert cluster.condition("Reconciled") == {}
    clock[0] += LASTING_SECONDS
    for _ in range(2):
        assert await reconciler(INSTANCE) == Result(failed=True)
        found = cluster.condition("Reconciled")
        assert (found["status"], found["reason"]) == ("False", "ApiServerUnavailable")
        assert "Service here/sample cannot be written: no quorum" in found["message"]
        assert "This has lasted for more than a minute: check the API server" in found["message"]
        assert cluster.condition("Ready")["reason"] == "ApiServerUnavailable"
    assert [reason for reason, _ in cluster.events()].count("ApiServerUnavailable") == 1
    cluster.server.hook = None
    await reconciler(INSTANCE)
    assert cluster.condition("Reconciled") == {}


async def test_conflicts_of_more_than_a_minute_are_reported(cluster: Cluster, reconciler: Reconciler) -> None:
    clock = [0.0]
    reconciler._waits = Waits(lambda: clock[0])
    cluster.cryostat()
    await reconciler(INSTANCE)
    key = Key("Service", "here", "sample")
    live = cluster.server.find(key)
    assert live
    cluster.put(key, metadata=live["metadata"], spec={**live["spec"], "ports": []})

    def refuse(method: str, path: str, _: object) -> ApiError | None:
        is_refused = method == "PUT" and path.endswith("/services/sample")
        words = "the object has been modified; please apply your changes to the latest version and try again"
        return ApiError(409, "Conflict", words) if is_refused else None

    cluster.server.hook = refuse
    assert await reconciler(INSTANCE) == Result(TRANSIENT_RETRY_SECONDS)
    assert cluster.condition("Reconciled") == {}
    clock[0] += LASTING_SECONDS
    for _ in range(2):
        assert await reconciler(INSTANCE) == Result(failed=True), "retried with backoff"
        found = cluster.condition("Reconciled")
        assert (found["status"], found["reason"]) == ("False", "ConflictNotResolved")
        assert found["message"] == (
            "Service here/sample cannot be written: the object has been modified. This has lasted for more than a "
            "minute: find the client that repeatedly changes the object, in its metadata.managedFields."
        )
        assert cluster.condition("Ready")["reason"] == "ConflictNotResolved"
    assert [reason for reason, _ in cluster.events()].count("ConflictNotResolved") == 1
    cluster.server.hook = None
    await reconciler(INSTANCE)
    assert cluster.condition("Reconciled") == {}
    assert "ConflictNotResolved" not in cluster.condition("Ready")["reason"]


async def test_a_file_that_was_read_after_the_snapshot_is_reported_and_a_restart_writes_nothing(
    cluster: Cluster, reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    flawed = ContentSummary(frozenset({"f"}), "d", login_flaws={"f": ("contains no user", True)})
    summary_of = content_summary
    monkeypatch.setattr(
        f"{__name__}.content_summary", lambda obj: flawed if obj["metadata"]["name"] == "login" else summary_of(obj)
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


async def test_the_events_of_a_claim_that_stays_unbound_are_read_and_read_again_later(
    cluster: Cluster, reconciler: Reconciler
) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    key = Key("PersistentVolumeClaim", "here", "sample-database")
    live = cluster.server.find(key)
    assert live
    cluster.put(key, metadata={**live["metadata"], "creationTimestamp": "2026-01-01T00:00:00Z"}, spec=live["spec"])
    head = {"type": "Warning", "reason": "ProvisioningFailed", "involvedObject": {"uid": live["metadata"]["uid"]}}
    cluster.server.put("/api/v1/namespaces/here/events/a", {**head, "message": "no space"})
    await reconciler(INSTANCE)
    cluster.server.requests.clear()
    result = await reconciler(INSTANCE)
    assert cluster.server.requests == [], "the answer is kept for a minute"
    assert result.requeue_after is not None
    assert 0.0 < result.requeue_after <= 60.0
    assert (
        'no volume was created for it (event ProvisioningFailed: "no space")' in cluster.condition("Ready")["message"]
    )


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


async def test_objects_of_the_go_operator_are_adopted_once(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat(finalizers=[constants.FINALIZER])
    await reconciler(INSTANCE)
    lists = [path for method, path in cluster.server.requests if method == "GET" and path.endswith("/deployments")]
    await reconciler(INSTANCE)
    assert len(lists) == 1
    assert len([p for m, p in cluster.server.requests if m == "GET" and p.endswith("/deployments")]) == 1


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
        restarted.owned.record_write(key.kind, cast(Obj, cluster.server.find(key)))
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


async def test_the_first_deletion_after_a_restart_is_an_event(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    reconciler.reset()  # as a new process, which has written nothing
    key = Key("Service", "here", "sample")
    deleted = cluster.server.find(key)
    assert deleted
    cluster.server.remove(key)
    cluster.owned.store("Service").remove(deleted)
    await reconciler(INSTANCE)
    message = "Service here/sample: another client deleted the object, and the operator created it again."
    assert (Reason.CHANGE_REVERTED, message) in cluster.events()


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
