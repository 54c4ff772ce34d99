"""Reads about failures that last: when, which, and how often."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.kube.errors import ApiError, ApiUnavailable
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj
from cryostat_operator.plan.model.problems import PodFailure
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.reconcile.reconciler import Reconciler
from cryostat_operator.reconcile.stuck_reader import LONGEST_PAUSE, MAX_BYTES, StuckReader
from tests.unit.api_server import ApiServer
from tests.unit.clock import Clock
from tests.unit.cluster_state import NAMESPACE, ClusterState, settled
from tests.unit.reconcile.conftest import INSTANCE, Cluster

OWNER = InstanceKey(NAMESPACE, "sample")
TIME = "1970-01-01T00:01:40Z"  # 100 seconds
FAILURE = PodFailure(Reason.POD_NOT_RUNNING, "not created", container="sample-db", since=100.0, transient=True)
UNREADY = PodFailure(Reason.POD_NOT_READY, "not ready", container="sample", since=100.0, transient=True)
PODS, EVENTS = f"/api/v1/namespaces/{NAMESPACE}/pods", f"/api/v1/namespaces/{NAMESPACE}/events"
POLICIES = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"
DENY = {"spec": {"podSelector": {}, "policyTypes": ["Egress"]}}


class Server(ApiServer):
    """Records the parameters of lists, and marks them as incomplete if `more` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.parameters: list[dict[str, str]] = []
        self.more: set[str] = set()

    async def request(self, method: str, path: str, *, params: Any = None, **more: Any) -> Obj:
        self.parameters.append(dict(params))
        found = await super().request(method, path, params=params, **more)
        return {**found, "metadata": {"continue": "x"}} if path in self.more else found


@pytest.fixture
def server() -> Server:
    found = Server()
    add_pod(found, "database", "sample-db", {"waiting": {"reason": "ContainerCreating"}})
    add_pod(found, "cryostat", "sample", {"running": {"startedAt": TIME}})
    add_event(found, "a", "database", "first")
    found.put(f"{POLICIES}/deny", DENY)
    return found


def add_pod(server: ApiServer, component: str, container: str, state: Obj) -> None:
    labels = {"app": "sample", "kind": "cryostat", "component": component}
    status = {"startTime": TIME, "containerStatuses": [{"name": container, "ready": False, "state": state}]}
    obj = {"metadata": {"uid": component, "labels": labels}, "spec": {"nodeName": "n1"}, "status": status}
    server.put(f"{PODS}/{component}", obj)


def add_event(server: ApiServer, name: str, uid: str, message: str) -> None:
    head = {"type": "Warning", "reason": "FailedMount", "involvedObject": {"uid": uid}, "eventTime": TIME}
    server.put(f"{EVENTS}/{name}", {**head, "message": message})


def unbound() -> ClusterState:
    state = settled()
    claim = state.snapshot.live[Key("PersistentVolumeClaim", NAMESPACE, "sample-database")]
    metadata = {**claim["metadata"], "uid": "claim", "creationTimestamp": TIME}
    return state.with_live({**claim, "metadata": metadata, "status": {"phase": "Pending"}})


async def test_nothing_is_read_without_a_failure_that_lasts(server: Server) -> None:
    clock = Clock()
    reader = StuckReader(server, clock, clock)
    found = await reader.explain(OWNER, settled().instance, {})
    assert (found.failures, found.recheck_after) == ({}, float("inf"))
    clock.now = 130.0
    found = await reader.explain(OWNER, settled().instance, {"database": FAILURE})
    assert (found.failures, found.recheck_after) == ({"database": FAILURE}, 30.0)
    assert server.requests == []


async def test_the_events_of_a_pod_are_read(server: Server) -> None:
    reader = StuckReader(server, Clock(), Clock())
    found = await reader.explain(OWNER, settled().instance, {"database": FAILURE})
    assert found.failures["database"].cause == 'not created (event FailedMount: "first")'
    assert server.requests == [("GET", PODS), ("GET", EVENTS)]
    assert server.parameters == [
        {"limit": "200", "labelSelector": "kind=cryostat,app=sample"},
        {"limit": "50", "fieldSelector": "involvedObject.uid=database"},
    ]


async def test_the_policies_of_the_namespace_are_read(server: Server) -> None:
    reader = StuckReader(server, Clock(), Clock())
    found = await reader.explain(OWNER, settled().instance, {"cryostat": UNREADY})
    assert found.failures["cryostat"].note.startswith("NetworkPolicy deny denies egress from the pod to the database")
    assert server.requests == [("GET", PODS), ("GET", POLICIES)]


@pytest.mark.parametrize("incomplete", [PODS, POLICIES])
async def test_policies_are_not_evaluated_if_not_all_are_known(server: Server, incomplete: str) -> None:
    server.more = {incomplete}
    found = await StuckReader(server, Clock(), Clock()).explain(OWNER, settled().instance, {"cryostat": UNREADY})
    assert found.failures == {"cryostat": UNREADY}


async def test_a_limited_amount_of_each_list_is_kept(server: Server) -> None:
    long = {"x": "y" * (MAX_BYTES // 3)}
    for number in range(3):
        server.put(f"{POLICIES}/long-{number}", {"spec": {**DENY["spec"], "podSelector": {"matchLabels": long}}})
    found = await StuckReader(server, Clock(), Clock()).explain(OWNER, settled().instance, {"cryostat": UNREADY})
    assert found.failures == {"cryostat": UNREADY}


async def test_the_beginning_of_a_long_message_is_kept(server: Server) -> None:
    add_event(server, "a", "database", f"first {'x' * MAX_BYTES}")
    found = await StuckReader(server, Clock(), Clock()).explain(OWNER, settled().instance, {"database": FAILURE})
    assert found.failures["database"].cause.startswith('not created (event FailedMount: "first xx')


async def test_the_events_of_a_claim_are_read(server: Server) -> None:
    add_event(server, "b", "claim", "no class")
    found = await StuckReader(server, Clock(), Clock()).explain(OWNER, unbound().instance, {})
    event = found.failures["database"].event
    assert event
    assert event.text == "no class"
    assert server.requests == [("GET", EVENTS)]


@pytest.mark.parametrize("error", [ApiError(403, "Forbidden", "no"), ApiUnavailable(0, "", "no")])
async def test_a_refused_read_leaves_the_failure_as_it_is(
    server: Server, error: ApiError, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    server.hook = lambda method, path, body: error
    failures = {"database": FAILURE, "cryostat": UNREADY}
    found = await StuckReader(server, Clock(), Clock()).explain(OWNER, unbound().instance, failures)
    assert found.failures == failures
    assert found.recheck_after == 60.0
    assert "The cause of a failure cannot be read: no" in caplog.messages


async def test_reads_of_a_stuck_instance_become_rarer(server: Server) -> None:
    clock = Clock()
    reader = StuckReader(server, clock, clock)
    pauses = []
    for _ in range(6):
        found = await reader.explain(OWNER, settled().instance, {"database": FAILURE})
        pauses.append(found.recheck_after)
        before = len(server.requests)
        clock.now += found.recheck_after - 1
        again = await reader.explain(OWNER, settled().instance, {"database": FAILURE})
        assert again.failures == found.failures
        assert (len(server.requests), again.recheck_after) == (before, 1.0)
        clock.now += 1
    assert pauses == [60.0, 120.0, 240.0, 480.0, LONGEST_PAUSE, LONGEST_PAUSE]


async def test_other_objects_are_read_a_minute_after_the_last_reads_at_the_earliest(server: Server) -> None:
    clock = Clock()
    reader = StuckReader(server, clock, clock)
    for _ in range(3):
        found = await reader.explain(OWNER, settled().instance, {"database": FAILURE})
        clock.now += found.recheck_after
    clock.now += 30 - found.recheck_after
    before = len(server.requests)
    both = {"database": FAILURE, "cryostat": UNREADY}
    found = await reader.explain(OWNER, settled().instance, both)
    assert (len(server.requests), found.recheck_after) == (before, 30.0)
    assert found.failures["cryostat"] == UNREADY
    clock.now += 30
    found = await reader.explain(OWNER, settled().instance, both)
    assert found.failures["cryostat"].note
    assert found.recheck_after == 60.0


async def test_what_was_read_is_forgotten_with_the_failure_and_the_instance(server: Server) -> None:
    clock = Clock()
    reader = StuckReader(server, clock, clock)
    ends = (lambda: reader.forget(OWNER), reader.reset)
    for count, end in enumerate(ends, 1):
        await reader.explain(OWNER, settled().instance, {"database": FAILURE})
        assert server.requests.count(("GET", EVENTS)) == count
        end()
    await reader.explain(OWNER, settled().instance, {"database": FAILURE})
    await reader.explain(OWNER, settled().instance, {})
    await reader.explain(OWNER, settled().instance, {"database": FAILURE})
    assert server.requests.count(("GET", EVENTS)) == 4


async def test_the_events_of_a_claim_that_stays_unbound_are_read_and_read_again_later(
    cluster: Cluster, reconciler: Reconciler
) -> None:
    cluster.cryostat()
    await reconciler(INSTANCE)
    key = Key("PersistentVolumeClaim", "here", "sample-database")
    live = cluster.live(key)
    cluster.put(key, metadata={**live["metadata"], "creationTimestamp": "2026-01-01T00:00:00Z"}, spec=live["spec"])
    head = {"type": "Warning", "reason": "ProvisioningFailed", "involvedObject": {"uid": live["metadata"]["uid"]}}
    cluster.server.put("/api/v1/namespaces/here/events/a", {**head, "message": "no space"})
    await reconciler(INSTANCE)
    cluster.server.requests.clear()
    result = await reconciler(INSTANCE)
    assert cluster.server.requests == [], "what was read is kept for a minute"
    assert result.requeue_after is not None
    assert 0.0 < result.requeue_after <= 60.0
    assert (
        'no volume was created for it (event ProvisioningFailed: "no space")' in cluster.condition("Ready")["message"]
    )
