"""Statuses and Events are written only if they change."""

from __future__ import annotations

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.conditions import Report
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.reconcile import status_writer
from cryostat_operator.reconcile.failures import forbidden
from tests.unit.cluster_state import ClusterState, settled
from tests.unit.reconcile.conftest import CRYOSTAT_PATH, INSTANCE, Cluster

REFUSED = Problem("core", Reason.QUOTA_EXCEEDED, "too much", dedup_key="Deployment x")
HOST = Problem("exposure", Reason.ROUTE_HOST_CHANGED, "Route x moved.")


@pytest.fixture
def state() -> ClusterState:
    return settled()


async def write(cluster: Cluster, state: ClusterState, *refusals: Problem, events: tuple[Problem, ...] = ()) -> bool:
    report = Report(list(refusals))
    return await cluster.status.write(state.instance, state.plan, report, [], list(events))


async def test_the_second_write_of_the_same_status_makes_no_request(
    cluster: Cluster, state: ClusterState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_writer, "now", lambda: "2026-01-01T00:00:00Z")
    cluster.cryostat()
    assert await write(cluster, state)
    assert cluster.condition("Ready")
    requests = len(cluster.server.requests)
    assert await write(cluster, state)
    assert len(cluster.server.requests) == requests


async def test_an_event_precedes_the_status(cluster: Cluster, state: ClusterState) -> None:
    cluster.cryostat()
    await write(cluster, state, REFUSED, events=(HOST,))
    paths = [path for _, path in cluster.server.writes]
    assert paths[-1] == f"{CRYOSTAT_PATH}/status"
    assert {reason for reason, _ in cluster.events()} >= {"QuotaExceeded", "RouteHostChanged"}
    status = cluster.condition("Reconciled")
    assert (status["status"], status["reason"]) == ("False", "QuotaExceeded")


async def test_problems_that_need_no_action_are_no_events(cluster: Cluster, state: ClusterState) -> None:
    cluster.cryostat()
    await write(cluster, state, Problem("tls", Reason.WAITING_FOR_CERTIFICATE, "it is issued"))
    assert "WaitingForCertificate" not in {reason for reason, _ in cluster.events()}


async def test_nothing_is_written_about_a_deleted_cryostat(cluster: Cluster, state: ClusterState) -> None:
    assert not await write(cluster, state, REFUSED)
    assert cluster.server.requests == []


async def test_after_a_failure_only_ready_is_known(cluster: Cluster, state: ClusterState) -> None:
    cluster.cryostat()
    await write(cluster, state)
    body = cluster.cryostats.get(INSTANCE)
    assert body
    await cluster.status.write_failure(body, Problem("core", Reason.INVALID_SPEC, "spec.x is unknown"))
    ready = cluster.condition("Ready")
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", "InvalidSpec", "spec.x is unknown")
    assert cluster.condition("AuthenticationEnabled")["status"] == "Unknown"


async def test_only_ready_remains_while_a_cryostat_is_deleted(cluster: Cluster, state: ClusterState) -> None:
    cluster.cryostat()
    await write(cluster, state)
    body = cluster.cryostats.get(INSTANCE)
    assert body
    await cluster.status.write_deleting(body, Reason.DELETING, "The Cryostat is being deleted.")
    status = cluster.live_cryostat()["status"]
    assert [(each["type"], each["reason"]) for each in status["conditions"]] == [("Ready", "Deleting")]
    assert status["applicationUrl"] == ""


async def test_a_status_write_does_not_enqueue_the_cryostat(cluster: Cluster, state: ClusterState) -> None:
    cluster.cryostat()
    cluster.enqueued.clear()
    await write(cluster, state)
    assert cluster.enqueued == []
    body = cluster.cryostats.get(INSTANCE)
    assert body
    assert body["status"] == cluster.live_cryostat()["status"]


async def test_a_status_with_conditions_has_a_summary(cluster: Cluster) -> None:
    message = "Secret a does not exist. Create it."
    ready = {"type": "Ready", "status": "False", "reason": "SecretNotFound", "message": message}
    await cluster.status.patch(cluster.cryostat(), {"conditions": [ready]})
    assert cluster.live_cryostat()["status"]["summary"] == "Secret a does not exist"
    await cluster.status.patch(cluster.cryostat(), {"observedGeneration": 1})
    assert cluster.live_cryostat()["status"] == {"observedGeneration": 1}


async def test_a_lasting_cause_is_an_event_once(cluster: Cluster, state: ClusterState) -> None:
    cluster.cryostat()
    crash = Problem("database", Reason.CONTAINER_CRASHED, "Deployment x crashes.", dedup_key="x")
    for _ in range(2):
        assert await cluster.status.write(state.instance, state.plan, Report(), [crash], [])
    assert [message for reason, message in cluster.events() if reason == "ContainerCrashed"] == [crash.message]


async def test_a_status_that_may_not_be_written_is_one_event(cluster: Cluster, state: ClusterState) -> None:
    body = cluster.cryostat()
    denied = ApiError(403, "Forbidden", "no")
    cluster.server.hook = lambda _method, path, _body: denied if path.endswith("/status") else None
    for _ in range(3):
        with pytest.raises(ApiError):
            await write(cluster, state, REFUSED)
        with pytest.raises(ApiError):
            await cluster.status.write_failure(body, forbidden(denied, "here"))
    found = cluster.server._objects.items()
    counts = {obj["reason"]: obj["count"] for path, obj in found if path.plural == "events"}
    assert counts == {"QuotaExceeded": 1, "LoginGenerated": 1, "Forbidden": 1}
