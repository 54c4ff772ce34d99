"""Two replicas and one API server: only the leader writes, also while leadership changes."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import urllib3
import yaml

from cryostat_operator.api import constants
from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from tests.cluster.api import Object, condition, eventually
from tests.cluster.conftest import NamespaceFactory, OperatorFactory
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import (
    LEASES,
    NAMESPACE,
    SERVICE_ACCOUNT,
    OperatorProcess,
    is_leader_election,
    operator_requests,
)
from tests.cluster.processes import Child, free_ports
from tests.cluster.webhooks import WebhookPlane

READS = ("get", "list", "watch")
LEASE_SECONDS = timedelta(seconds=15)
SLOW = 60.0


class Pair(NamedTuple):
    """Two replicas on one control plane; `leader` was elected first."""

    plane: ControlPlane
    leader: OperatorProcess
    standby: OperatorProcess


@pytest.fixture
def pair(installed_plane: ControlPlane, operator: OperatorFactory) -> Pair:
    leader = operator(installed_plane)
    eventually(lambda: holder(installed_plane) == leader.identity, SLOW, "the first one leads")
    return Pair(installed_plane, leader, operator(installed_plane))


# --- observations ----------------------------------------------------------------------------------------------------


def lease(plane: ControlPlane) -> Object:
    return plane.api.get(LEASES, "Lease", constants.LEASE, NAMESPACE)


def holder(plane: ControlPlane) -> str:
    return str(lease(plane)["spec"].get("holderIdentity") or "")


def is_leading(process: OperatorProcess) -> bool:
    """Whether the metric of a process shows that it is the leader."""
    lines = process.get("/metrics")[1].splitlines()
    return f'leader_election_master_status{{name="{constants.LEASE}"}} 1.0' in lines


def requests_of(plane: ControlPlane, mark: int, process: OperatorProcess) -> list[Object]:
    """The requests of one process since a mark of the audit log. The token identifies the process."""
    token = yaml.safe_load(process.kubeconfig.read_text())["users"][0]["user"]["token"].split(".")[1]
    credential = f"JTI={json.loads(base64.urlsafe_b64decode(token + '=='))['jti']}"
    key = "authentication.kubernetes.io/credential-id"
    events = plane.audit_since(mark, f":{SERVICE_ACCOUNT}")
    return [event for event in events if credential in (event["user"].get("extra") or {}).get(key, ())]


def writes(plane: ControlPlane, mark: int, process: OperatorProcess) -> list[str]:
    """The writes of a process without those of the Lease."""
    return [
        f"{e['verb']} {e['requestURI']}"
        for e in operator_requests(requests_of(plane, mark, process))
        if e["verb"] not in READS
    ]


def lease_requests(plane: ControlPlane, mark: int, process: OperatorProcess) -> list[str]:
    events = [event for event in requests_of(plane, mark, process) if is_leader_election(event)]
    return [event["verb"] for event in events if event["objectRef"]["resource"] == "leases"]


def accepted_lease_writes(plane: ControlPlane, mark: int, process: OperatorProcess) -> list[str]:
    """Change of the Lease that the API server accepted from one process."""
    leases = [
        e for e in requests_of(plane, mark, process) if is_leader_election(e) and e["objectRef"]["resource"] == "leases"
    ]
    return [e["verb"] for e in leases if e["verb"] != "get" and e["responseStatus"]["code"] < 400]


def has_logged(process: Child, words: str) -> bool:
    return words in process.log.read_text(errors="replace")


def stamp(text: str) -> datetime:
    return datetime.fromisoformat(text)


@contextmanager
def lease_records(plane: ControlPlane) -> Iterator[list[Object]]:
    """Collect every record of the Lease inside the block, in order."""
    records: list[Object] = []
    query: dict[str, Any] = {"seconds": 120, "fieldSelector": f"metadata.name={constants.LEASE}"}

    def follow() -> None:
        with suppress(urllib3.exceptions.HTTPError):  # another test has stopped the API server
            for event in plane.api.watch(LEASES, "Lease", NAMESPACE, **query):
                if event["type"] in ("ADDED", "MODIFIED"):
                    records.append(event["object"]["spec"])

    threading.Thread(target=follow, daemon=True).start()
    eventually(lambda: records, what="the Lease is followed")
    yield records


# --- actions ---------------------------------------------------------------------------------------------------------


def cryostat(plane: ControlPlane, where: str, name: str = "x") -> Object:
    plane.add_volumes(2)
    head = {"name": name, "namespace": where}
    return plane.api.create({"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": head, "spec": {}})


def is_ready(plane: ControlPlane, cr: Object) -> bool:
    metadata = cr["metadata"]
    live = plane.api.get(constants.API_VERSION, constants.KIND, metadata["name"], metadata["namespace"])
    return condition(live, "Ready").get("status") == "True"


def repaired(plane: ControlPlane, where: str, name: str = "x") -> None:
    """Delete a Service and wait until it is created again."""
    old = eventually(lambda: plane.api.get("v1", "Service", name, where), SLOW, "there is a Service")
    plane.api.delete(old)

    def again() -> bool:
        return bool(plane.api.get("v1", "Service", name, where)["metadata"]["uid"] != old["metadata"]["uid"])

    eventually(again, SLOW, "the Service exists again")


# --- one leader ------------------------------------------------------------------------------------------------------


def test_only_the_leader_writes_and_the_standby_watches(pair: Pair, namespace: NamespaceFactory) -> None:
    plane, where = pair.plane, namespace(pair.plane)
    mark = plane.audit_mark()
    made = [cryostat(plane, where, f"x{number}") for number in range(2)]
    for cr in made:
        eventually(lambda cr=cr: is_ready(plane, cr), SLOW, "all are Ready")  # type: ignore[misc]
    assert writes(plane, mark, pair.leader)
    assert writes(plane, mark, pair.standby) == []
    assert (is_leading(pair.leader), is_leading(pair.standby)) == (True, False)
    assert "cryostat_operator_instances 2.0" in pair.standby.get("/metrics")[1]
    for process in (pair.leader, pair.standby):
        assert [process.get(path)[0] for path in ("/healthz", "/readyz")] == [200, 200]


def test_an_idle_pair_requests_only_the_lease(pair: Pair) -> None:
    plane = pair.plane

    def idle() -> bool:
        mark = plane.audit_mark()
        eventually(lambda: len(lease_requests(plane, mark, pair.leader)) > 3, SLOW, "the Lease is renewed")
        eventually(lambda: len(lease_requests(plane, mark, pair.standby)) > 1, SLOW, "the Lease is read")
        assert set(lease_requests(plane, mark, pair.leader)) == {"update"}
        assert set(lease_requests(plane, mark, pair.standby)) == {"get"}
        return [event["requestURI"] for event in operator_requests(plane.audit_since(mark))] == []

    eventually(idle, SLOW, "both have listed all objects and send no more requests")


def test_without_election_there_is_no_lease(installed_plane: ControlPlane, operator: OperatorFactory) -> None:
    mark = installed_plane.audit_mark()
    process = operator(installed_plane, {"LEADER_ELECTION": "false"})
    assert requests_of(installed_plane, mark, process)
    assert lease_requests(installed_plane, mark, process) == []
    assert "leader_election_master_status{" not in process.get("/metrics")[1]


# --- leadership changes ----------------------------------------------------------------------------------------------


def test_a_crashed_leader_is_replaced_when_its_lease_has_expired(pair: Pair, namespace: NamespaceFactory) -> None:
    plane, where = pair.plane, namespace(pair.plane)
    cryostat(plane, where)
    pair.leader.crash()
    before = lease(plane)["spec"]
    mark = plane.audit_mark()
    eventually(lambda: holder(plane) == pair.standby.identity, SLOW, "the other one leads")
    after = lease(plane)["spec"]
    assert after["leaseTransitions"] == before["leaseTransitions"] + 1
    assert stamp(after["acquireTime"]) - stamp(before["renewTime"]) >= LEASE_SECONDS
    repaired(plane, where)
    assert writes(plane, mark, pair.standby)


def test_a_stopped_leader_releases_its_lease(pair: Pair, namespace: NamespaceFactory) -> None:
    """The Lease is released, so the successor does not wait for its expiry."""
    plane, where = pair.plane, namespace(pair.plane)
    cryostat(plane, where)
    with lease_records(plane) as records:
        old = records[-1]["leaseTransitions"]
        pair.leader.process.terminate()
        assert pair.leader.process.wait(60) == 0
        eventually(lambda: records[-1]["holderIdentity"] == pair.standby.identity, SLOW, "the other one leads")
        first = next(n for n, record in enumerate(records) if record["holderIdentity"] == pair.standby.identity)
        released, taken = records[first - 1], records[first]
    assert (released["holderIdentity"], released["leaseDurationSeconds"]) == ("", 1)
    assert (taken["leaseTransitions"], taken["leaseDurationSeconds"]) == (old + 1, 15)
    repaired(plane, where)
    messages = [e["message"] for e in plane.api.list("v1", "Event", NAMESPACE) if e["reason"] == "LeaderElection"]
    assert f"{pair.leader.identity} stopped leading" in messages

    def took_over() -> list[Object]:
        message = f"{pair.standby.identity} became leader"
        return [event for event in plane.api.list("v1", "Event", NAMESPACE) if event["message"] == message]

    eventually(took_over, what="the event is recorded")


def test_a_suspended_leader_writes_nothing_when_it_continues(pair: Pair, namespace: NamespaceFactory) -> None:
    """It is suspended during writes, and continues after another leader has written."""
    plane, where = pair.plane, namespace(pair.plane)
    mark = plane.audit_mark()
    made = [cryostat(plane, where, f"x{number}") for number in range(4)]
    eventually(lambda: len(writes(plane, mark, pair.leader)) > 20, what="the operator is writing", interval=0.01)
    pair.leader.pause()
    eventually(lambda: holder(plane) == pair.standby.identity, SLOW, "the other one leads")
    mark = plane.audit_mark()
    for cr in made:
        eventually(lambda cr=cr: is_ready(plane, cr), SLOW, "all are Ready")  # type: ignore[misc]
    for cr in made[:2]:
        plane.api.patch(cr, {"spec": {"reportOptions": {"replicas": 1}}})
    assert writes(plane, mark, pair.leader) == []
    pair.leader.resume()
    eventually(
        lambda: lease_requests(plane, mark, pair.leader).count("get") > 2, SLOW, "the process reads the Lease again"
    )
    repaired(plane, where, "x0")
    assert has_logged(pair.leader, "Lost leadership")
    assert (is_leading(pair.leader), is_leading(pair.standby)) == (False, True)
    assert writes(plane, mark, pair.leader) == []
    # A renewal that was being sent when the process was stopped may still arrive; it is refused as a conflict.
    assert accepted_lease_writes(plane, mark, pair.leader) == []
    # It works as a standby replica.
    pair.standby.kill()
    eventually(lambda: holder(plane) == pair.leader.identity, SLOW, "the first one leads again")
    repaired(plane, where, "x1")


def test_an_outage_of_the_api_server_longer_than_the_lease(pair: Pair, namespace: NamespaceFactory) -> None:
    plane, where = pair.plane, namespace(pair.plane)
    cryostat(plane, where)
    plane.stop_apiserver(kill=True)
    try:
        eventually(lambda: has_logged(pair.leader, "Lost leadership"), SLOW, "it ends")
        assert not is_leading(pair.leader)
    finally:
        plane.start_apiserver()
    mark = plane.audit_mark()
    repaired(plane, where)
    busy = [process for process in (pair.leader, pair.standby) if writes(plane, mark, process)]
    assert [process.identity for process in busy] == [holder(plane)]
    assert pair.leader.running
    assert pair.standby.running


# --- election with client-go ---------------------------------------------------------------------------------


@contextmanager
def client_go(plane: ControlPlane) -> Iterator[Child]:
    """A program with client-go's leader election for the same Lease."""
    command: list[str | Path] = [
        plane.programs["kube-controller-manager"], f"--kubeconfig={plane.kubeconfig}", "--secure-port=0",
        "--controllers=ttl-after-finished-controller", "--leader-elect=true",
        f"--leader-elect-resource-name={constants.LEASE}", f"--leader-elect-resource-namespace={NAMESPACE}",
    ]  # fmt: skip
    child = Child("client-go", command, plane.directory / "logs" / "client-go.log")
    try:
        yield child
    finally:
        child.kill()


def requests_of_client_go(plane: ControlPlane, mark: int) -> int:
    events = [
        event
        for event in plane.audit_since(mark)
        if is_leader_election(event) and event["objectRef"]["name"] == constants.LEASE
    ]
    return sum(event["userAgent"].startswith("kube-controller-manager") for event in events)


def test_the_elections_of_client_go_and_of_this_operator_exclude_each_other(
    installed_plane: ControlPlane, operator: OperatorFactory, namespace: NamespaceFactory
) -> None:
    plane, where = installed_plane, namespace(installed_plane)
    plane.api.delete(
        {"apiVersion": LEASES, "kind": "Lease", "metadata": {"name": constants.LEASE, "namespace": NAMESPACE}}
    )
    with client_go(plane) as other:
        theirs = eventually(lambda: holder(plane), SLOW, "client-go leads")
        mark = plane.audit_mark()
        own = operator(plane)
        cryostat(plane, where)
        eventually(lambda: len(lease_requests(plane, mark, own)) > 8, SLOW, "this operator waits")
        assert (holder(plane), writes(plane, mark, own)) == (theirs, [])
        other.kill()
        eventually(lambda: holder(plane) == own.identity, SLOW, "this operator leads")
        repaired(plane, where)
    mark = plane.audit_mark()
    with client_go(plane):
        eventually(lambda: requests_of_client_go(plane, mark) > 8, SLOW, "client-go waits")
        assert holder(plane) == own.identity
        with lease_records(plane) as records:
            own.process.terminate()
            eventually(lambda: holder(plane) not in ("", own.identity), SLOW, "client-go leads")
            assert "" in [record["holderIdentity"] for record in records]


# --- webhooks --------------------------------------------------------------------------------------------------------


def test_both_replicas_serve_webhooks(webhooks: WebhookPlane, operator: OperatorFactory) -> None:
    [port] = free_ports(1)
    standby = operator(webhooks.plane, {"WEBHOOK_URL": webhooks.url}, [f"--webhook-port={port}"])
    assert (is_leading(webhooks.operator), is_leading(standby)) == (True, False)
    secret = webhooks.api.get("v1", "Secret", "cryostat-operator-webhook-certificate", NAMESPACE)
    authority = base64.b64decode(secret["data"]["ca.crt"]).decode()
    pool = urllib3.PoolManager(ca_cert_data=authority, retries=False)
    user = {"username": "system:admin", "groups": ["system:masters"]}
    obj = {
        "apiVersion": constants.API_VERSION,
        "kind": constants.KIND,
        "metadata": {"name": "a", "namespace": "default"},
    }
    request = {"uid": "1", "operation": "CREATE", "namespace": "default", "name": "a", "userInfo": user,
               "object": {**obj, "spec": {}}}  # fmt: skip
    review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    review_request = {"uid": "2", "desiredAPIVersion": "operator.cryostat.io/v1beta1", "objects": [{**obj, "spec": {}}]}
    conversion = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": review_request}
    for path, body in (
        (WebhookPaths.DEFAULT, review),
        (WebhookPaths.VALIDATE, review),
        (WebhookPaths.CONVERT, conversion),
    ):
        answers = [pool.request("POST", url + path, json=body) for url in (webhooks.url, f"https://127.0.0.1:{port}")]
        assert [answer.status for answer in answers] == [200, 200]
        first, second = (answer.json()["response"] for answer in answers)
        assert first == second
        assert first.get("allowed", True)
    assert not is_leading(standby)
