"""The parts of the operator and the order in which they start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from cryostat_operator import runtime
from cryostat_operator.api import constants
from cryostat_operator.kube import leader_election, reflector
from cryostat_operator.kube.connection import Connection
from cryostat_operator.kube.errors import ApiError
from cryostat_operator.kube.kopf_import import kopf
from cryostat_operator.kube.leadership_gate import NotLeaderError
from cryostat_operator.metrics import Metrics
from cryostat_operator.observe import listed_cryostats, refused_lists
from cryostat_operator.plan.model.kinds import InstanceKey
from cryostat_operator.reconcile.work_queue import Result
from cryostat_operator.runtime import Operator
from cryostat_operator.settings import Settings
from tests.unit.cryostat_server import API, COLLECTION, ONE, OTHER, Cluster, until

LEASE = f"/apis/coordination.k8s.io/v1/namespaces/ops/leases/{constants.LEASE}"
LABELS = {constants.LABEL_NAME: OTHER.name, constants.LABEL_NAMESPACE: OTHER.namespace}


class Reconciles:
    """Records the reconciled instances."""

    def __init__(self) -> None:
        self.keys: list[InstanceKey] = []
        self.unobserved: list[tuple[InstanceKey, ApiError | None]] = []
        self.resets = 0
        self.idle = asyncio.Event()
        self.idle.set()

    def reset(self) -> None:
        self.resets += 1

    async def __call__(self, instance_key: InstanceKey) -> Result:
        self.keys.append(instance_key)
        return Result()

    async def wait_idle(self) -> None:
        await self.idle.wait()

    async def report_unobserved(self, instance_key: InstanceKey, refusal: ApiError | None) -> Result:
        self.unobserved.append((instance_key, refusal))
        return Result()


class Process:
    """An operator without webhooks that uses an API server in memory."""

    def __init__(self, settings: Settings) -> None:
        self.server = Cluster()
        self.operator = Operator(
            Connection(kopf.ConnectionInfo(server="http://127.0.0.1:1")), settings, "127.0.0.1", 0, 0
        )
        self.reconciles = Reconciles()
        self.operator.reconciler = self.reconciles  # type: ignore[assignment]


Create = Callable[..., Process]


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Create:
    """Create a process without starting it."""
    servers: list[Cluster] = []

    def client(*arguments: Any) -> Cluster:
        if len(arguments) < 4:  # the collector that reads is first
            servers.append(Cluster())
        return servers[-1]

    def create(**settings: Any) -> Process:
        made = Process(Settings(**settings))
        made.server = servers[-1]
        return made

    monkeypatch.setattr(listed_cryostats, "POLL_INTERVAL", 0.0)
    monkeypatch.setattr(runtime, "Metrics", lambda: Metrics(CollectorRegistry()))  # the default registry is global
    monkeypatch.setattr(runtime, "Client", client)
    return create


async def test_the_target_namespaces_of_a_cryostat_are_noted_when_it_arrives(process: Create) -> None:
    """Before it is reconciled: a user can delay that."""
    operator = process().operator
    namespaces = operator.observer._namespaces
    namespaces.upsert({"metadata": {"name": "shop", "uid": "s1"}})
    metadata = {"namespace": ONE.namespace, "name": ONE.name, "uid": "u", "resourceVersion": "1"}
    body = {"metadata": metadata, "spec": {"targetNamespaces": ["shop", "late"]}}
    for event, expected in (("ADDED", {"shop": "s1", "late": "l1"}), ("DELETED", {})):
        operator.cryostats.handle_event(event, body)
        for name, uid in (("shop", "s2"), ("late", "l1")):
            namespaces.upsert({"metadata": {"name": name, "uid": uid}})
        assert operator.observer.cached_snapshot(ONE, "u", ["shop"]).first_uids == expected


# --- start and stop --------------------------------------------------------------------------------------------------


async def test_reconciles_start_after_every_listed_cryostat_was_delivered(
    process: Create, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = process()
    operator = made.operator
    listed = made.server.add(ONE)
    made.server.put("/api/v1/namespaces/b/services/y", {"kind": "Service", "metadata": {"labels": LABELS}})
    await operator.start()
    await until(lambda: operator._listed.is_read and operator.observer.platform_known)
    assert operator._unready_cause() == "the first lists of the cluster are not complete; see the log of this pod"
    operator.cryostats.handle_event(None, listed)
    await until(lambda: operator.ready)
    assert operator._unready_cause() == ""
    assert caplog.messages == ["Watching the cluster"]
    await until(lambda: len(made.reconciles.keys) == 2)
    assert sorted(made.reconciles.keys) == [ONE, OTHER]  # only an object of the other one exists
    assert made.reconciles.resets == 1
    text = (await operator.metrics.text()).decode()
    assert "\ncryostat_operator_instances 1.0\n" in text
    operator.queue.close()
    operator._start_leading()  # a second term
    assert set(operator.queue._timers) == {ONE, OTHER}
    assert made.reconciles.resets == 2
    await operator.stop()


async def test_a_missing_delivery_delays_reconciles_for_a_limited_time(
    process: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "LIST_TIMEOUT", 0.01)
    made = process()
    body = made.server.add(ONE)
    await made.operator.start()
    await until(lambda: made.operator.ready)
    assert made.operator._listed.exists(ONE)
    for event in ("ADDED", "DELETED"):  # the delivery is late
        made.operator.cryostats.handle_event(event, body)
    assert not made.operator._listed.exists(ONE)
    await made.operator.stop()


async def test_a_cryostat_that_is_deleted_before_its_delivery_delays_no_reconcile(
    process: Create, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    made = process()
    operator = made.operator
    listed = made.server.add(ONE)
    made.server.add(OTHER)
    await operator.start()
    await until(lambda: operator._listed.is_read and operator.observer.platform_known)
    refusals = [ApiError(500, "InternalError", "try again")]
    made.server.hook = lambda _, path, *__: refusals.pop() if path == COLLECTION and refusals else None
    made.server.remove(f"{API}/namespaces/{OTHER.namespace}/cryostats/{OTHER.name}")
    operator.cryostats.handle_event(None, listed)
    await until(lambda: operator.ready)
    assert "Cryostats that kopf has not delivered cannot be looked up: try again" in caplog.messages
    assert operator._listed.exists(ONE)
    assert not operator._listed.exists(OTHER)
    await operator.stop()


async def test_only_the_leader_reconciles_and_the_lease_is_released(process: Create) -> None:
    made = process(leader_election=True, namespace="ops")
    operator = made.operator
    spec = {"holderIdentity": "other", "leaseDurationSeconds": 15}
    made.server.put(LEASE, {"spec": spec})
    await operator.start()
    await until(lambda: operator.ready and ("GET", LEASE) in made.server.requests)
    assert not operator._may_write()
    assert made.reconciles.resets == 0
    with pytest.raises(NotLeaderError), operator.gate.guard(b""):
        pass
    await operator.stop()
    assert made.server.writes == []

    made = process(leader_election=True, namespace="ops")
    await made.operator.start()
    await until(lambda: made.reconciles.resets)
    assert made.operator._may_write()
    made.operator.cryostats.handle_event("ADDED", made.server.add(ONE))
    await until(lambda: made.reconciles.keys)
    await made.operator.stop()
    lease = made.server.find(LEASE)
    assert lease
    assert lease["spec"]["holderIdentity"] == ""
    assert not made.operator._may_write()
    assert not made.operator.ready
    made.operator.queue.enqueue(OTHER)
    await asyncio.sleep(0.01)
    assert made.reconciles.keys == [ONE]


@pytest.mark.parametrize("election", [True, False])
async def test_writes_that_must_be_finished_delay_the_end(process: Create, election: bool) -> None:
    made = process(leader_election=election, namespace="ops")
    await made.operator.start()
    await until(lambda: made.reconciles.resets)
    made.reconciles.idle.clear()
    requests = len(made.server.requests)
    stop = asyncio.create_task(made.operator.stop())
    await asyncio.sleep(0.05)
    assert not stop.done()
    assert ("PUT", LEASE) not in made.server.requests[requests:]
    made.reconciles.idle.set()
    await stop
    assert (("PUT", LEASE) in made.server.requests[requests:]) is election


async def test_an_end_waits_for_writes_for_a_limited_time(process: Create, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "STOP_SECONDS", 0.01)
    made = process()
    await made.operator.start()
    made.reconciles.idle.clear()
    await made.operator.stop()


@pytest.mark.parametrize("election", [True, False])
async def test_the_leader_reports_a_list_that_is_refused_and_reconciles_when_it_is_allowed(
    process: Create, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, election: bool
) -> None:
    monkeypatch.setattr(refused_lists, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(reflector, "MAX_BACKOFF", 0.0)
    made = process(leader_election=election, namespace="ops")
    operator, denied = made.operator, ApiError(403, "Forbidden", "cannot list pods")
    made.server.hook = lambda method, path, *_: denied if (method, path) == ("GET", "/api/v1/pods") else None
    await operator.start()
    operator.cryostats.handle_event("ADDED", made.server.add(ONE))
    await until(lambda: made.reconciles.unobserved)
    assert made.reconciles.unobserved[0] == (ONE, denied)
    assert made.reconciles.keys == [], "the state of the cluster is not known"
    remedy = "Apply the roles of the operator again (manifests/), or install the operator again with OLM"
    assert operator._unready_cause() == f"a list or watch was refused: cannot list pods. {remedy}"
    text = f"No Cryostat is reconciled, because a list or watch was refused: cannot list pods. {remedy}"
    assert text in caplog.messages
    made.server.hook = None
    await until(lambda: made.reconciles.keys)
    assert operator._unready_cause() == ""
    await operator.stop()


async def test_a_watch_that_is_refused_later_is_reported_until_it_is_allowed(
    process: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_lists, "CHECK_SECONDS", 0.0)
    monkeypatch.setattr(reflector, "MIN_BACKOFF", 0.0)
    monkeypatch.setattr(reflector, "MAX_BACKOFF", 0.0)
    made = process()
    operator, denied = made.operator, ApiError(403, "Forbidden", "cannot list pods")
    await operator.start()
    operator.cryostats.handle_event("ADDED", made.server.add(ONE))
    await until(lambda: made.reconciles.keys)
    made.server.hook = lambda method, path, *_: denied if (method, path) == ("GET", "/api/v1/pods") else None
    made.server.expire_watches("/api/v1/pods")
    await until(lambda: made.reconciles.unobserved)
    assert made.reconciles.unobserved[0] == (ONE, denied)
    assert operator._unready_cause() == "", "the API server calls the webhooks of ready pods only"
    made.reconciles.keys.clear()
    deleted = made.server.add(OTHER)
    deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    operator.cryostats.handle_event("ADDED", deleted)
    await until(lambda: OTHER in made.reconciles.keys)
    assert ONE not in made.reconciles.keys
    made.reconciles.keys.clear()
    made.server.hook = None
    await until(lambda: made.reconciles.keys)
    await operator.stop()


async def test_a_replica_that_does_not_lead_reports_no_list_that_is_refused(
    process: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader_election, "RETRY_PERIOD", 0.0)
    monkeypatch.setattr(refused_lists, "CHECK_SECONDS", 0.0)
    made = process(leader_election=True, namespace="ops")
    made.server.put(LEASE, {"spec": {"holderIdentity": "other", "leaseDurationSeconds": 15}})
    denied = ApiError(403, "Forbidden", "cannot list pods")
    made.server.hook = lambda method, path, *_: denied if (method, path) == ("GET", "/api/v1/pods") else None
    await made.operator.start()
    made.operator.cryostats.handle_event("ADDED", made.server.add(ONE))
    # A reconcile would begin a few turns of the event loop after the first attempt.
    await until(lambda: made.server.requests.count(("GET", LEASE)) > 20)
    assert (made.reconciles.unobserved, made.server.writes) == ([], [])
    await made.operator.stop()


async def test_a_failed_background_task_is_passed_on(process: Create, monkeypatch: pytest.MonkeyPatch) -> None:
    made = process()

    async def start() -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(made.operator.observer, "start", start)
    await made.operator.start()
    with pytest.raises(RuntimeError, match="broken"):
        await asyncio.wait_for(made.operator.failure, 60)
    await made.operator.stop()


class Webhooks:
    """Webhooks that record calls."""

    serving = False

    def __init__(self) -> None:
        self.calls: list[Any] = []

    async def start(self, *address: Any) -> None:
        self.calls.append(("start", *address))

    async def stop(self) -> None:
        self.calls.append("stop")


async def test_the_operator_is_ready_after_the_webhooks_are_served(process: Create) -> None:
    made, webhooks = process(), Webhooks()
    made.operator.webhooks = webhooks  # type: ignore[assignment]
    await made.operator.start()
    await until(lambda: made.operator.ready)
    assert made.operator._unready_cause() == "the webhooks are not served yet; see the log of this pod"
    webhooks.serving = True
    assert made.operator._unready_cause() == ""
    for _ in range(2):
        await made.operator.stop()
    assert webhooks.calls == [("start", "127.0.0.1", 0), "stop"]


# --- triggers of reconciles ------------------------------------------------------------------------


async def test_a_namespace_enqueues_its_cryostats_and_those_that_target_it(process: Create) -> None:
    made = process()
    operator = made.operator
    for instance_key in (ONE, OTHER, InstanceKey("c", "z")):
        operator.cryostats.handle_event("ADDED", made.server.add(instance_key))
    targeting = made.server.find(f"{API}/namespaces/b/cryostats/y") or {}
    targeting["metadata"]["resourceVersion"] = "1000"
    operator.cryostats.handle_event("MODIFIED", {**targeting, "spec": {"targetNamespaces": ["a"]}})
    operator.queue.close()
    operator.queue._pending.clear()
    operator._enqueue_namespace("a")
    assert operator.queue._pending == {ONE, OTHER}
    operator._enqueue_all()
    assert operator.queue._pending == {ONE, OTHER, InstanceKey("c", "z")}
    await operator.stop()


async def test_the_console_is_extended_only_by_the_leader_of_a_cluster_with_a_console(
    process: Create, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = process()
    assert not made.operator._may_extend_console()
    monkeypatch.setattr(made.operator.observer, "serves", lambda kind: kind == "ConsoleLink")
    assert made.operator._may_extend_console()
    monkeypatch.setattr(made.operator, "_may_write", lambda: False)
    assert not made.operator._may_extend_console()
