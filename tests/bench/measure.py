"""Measurements from the requests in the API server's audit log. Each function makes one."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from cryostat_operator.api import constants
from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.plan.model.times import LASTING_SECONDS
from cryostat_operator.plan.render import assumed_plan, manifests
from cryostat_operator.reconcile.stuck_reader import FIRST_PAUSE
from cryostat_operator.settings import Settings
from tests.cluster.api import Object, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import SERVICE_ACCOUNT, OperatorProcess, is_leader_election, operator_requests

READS = frozenset({"get", "list", "watch"})
# Requests of a client at a time: for the objects of one Cryostat, and of many (as many as the operator writes).
IN_FLIGHT = 16
IN_FLIGHT_OF_MANY = 48
QUIET = 2.0  # the operator is idle after these seconds without a request


@dataclass(frozen=True)
class Burst:
    """The creation of Cryostats.

    Attributes:
        cryostats: how many were created.
        objects: how many objects the operator created for them.
        seconds: until all of these existed.
        requests: the operator's requests in this time.
        writes: those of them that write.
        settled_requests: the operator's requests until it was idle.
    """

    cryostats: int
    objects: int
    seconds: float
    requests: int
    writes: int
    settled_requests: int


def cryostat(namespace: str, name: str, **spec: Any) -> Object:
    return {
        "apiVersion": constants.API_VERSION,
        "kind": constants.KIND,
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"targetNamespaces": [namespace], **spec},
    }


def planned(cr: Object, *, tls: bool = False) -> list[Object]:
    """The objects of one instance. Secrets have no values."""
    model = Cryostat.model_validate(cr)
    plan = assumed_plan(model, Settings(service_tls=tls), openshift=False)
    return list(yaml.safe_load_all(manifests(plan)))


def bare_client_seconds(plane: ControlPlane, namespaces: Sequence[str], in_flight: int) -> float:
    """The seconds that a client needs to create the objects of one instance in each namespace."""
    name = f"floor-{time.monotonic_ns() % 10**6}"
    objects = [obj for namespace in namespaces for obj in planned(cryostat(namespace, name))]
    for obj in objects:
        obj["metadata"].pop("ownerReferences", None)
    return asyncio.run(_create_all(plane, objects, in_flight))


async def _create_all(plane: ControlPlane, objects: Sequence[Object], in_flight: int) -> float:
    slots = asyncio.Semaphore(in_flight)
    headers = dict(plane.api._headers)
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0, ssl=False)) as session:

        async def create(obj: Object) -> None:
            url = plane.api.server + plane.api.path(obj["apiVersion"], obj["kind"], obj["metadata"].get("namespace"))
            async with slots, session.post(url, json=obj) as answer:
                assert answer.status == 201, await answer.text()

        await asyncio.gather(*(session.get(plane.api.server + "/version") for _ in range(in_flight)))
        started = time.monotonic()
        await asyncio.gather(*(create(obj) for obj in objects))
        return time.monotonic() - started


def requests(plane: ControlPlane, mark: int) -> list[Object]:
    """The operator's requests since a mark of the audit log, without watches and the Lease."""
    return operator_requests(plane.audit_since(mark))


def create_all(plane: ControlPlane, crs: Sequence[Object], *, tls: bool = False) -> Burst:
    """Create Cryostats at the same time, wait until the operator is idle, and return the figures."""
    expected = {_id(o) for cr in crs for o in planned(cr, tls=tls)}
    mark = plane.audit_mark()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(plane.api.create, crs))
    wait_until_idle(plane)
    events = plane.audit_since(mark)
    begun = min(_time(e, "requestReceivedTimestamp") for e in events if _creates(e, constants.PLURAL))
    mine = requests(plane, mark)
    made = {_audit_id(e): _time(e, "stageTimestamp") for e in events if _makes(e)}
    missing = expected - set(made)
    assert not missing, f"{len(missing)} objects were not created: {sorted(missing)[:3]}"
    done = max(made[one] for one in expected)
    until = [e for e in mine if _time(e, "stageTimestamp") <= done]
    return Burst(
        len(crs),
        len(expected),
        (done - begun).total_seconds(),
        len(until),
        sum(e["verb"] not in READS for e in until),
        len(mine),
    )


def wait_until_idle(plane: ControlPlane) -> None:
    """Wait until the operator has sent no request for a while."""
    eventually(lambda: not _requests_within(plane, QUIET), 600.0)


def wait_until_reported(plane: ControlPlane) -> None:
    """Wait until the operator has reported, once, what lasts: without volumes and pods, no instance becomes ready.

    On a busy API server, the claims of an instance are created some seconds apart. Then the operator reads the cause of
    the second one `FIRST_PAUSE` after that of the first one. After a restart, it would read it at once, and report it.
    """
    time.sleep(LASTING_SECONDS + FIRST_PAUSE)
    wait_until_idle(plane)


def _requests_within(plane: ControlPlane, seconds: float) -> bool:
    mark = plane.audit_mark()
    time.sleep(seconds)
    return bool(requests(plane, mark))


def writes_during(plane: ControlPlane, seconds: float) -> tuple[int, int]:
    """The operator's writes while nothing changes, and the renewals of its Lease."""
    mark = plane.audit_mark()
    time.sleep(seconds)
    elections = [e for e in plane.audit_since(mark, f":{SERVICE_ACCOUNT}") if is_leader_election(e)]
    idle, elected = (sum(e["verb"] not in READS for e in events) for events in (requests(plane, mark), elections))
    return idle, elected


def repair(plane: ControlPlane, namespace: str, names: Sequence[str]) -> float:
    """The median of the seconds until the deleted Service of each instance exists again.

    A Service is deleted only once. The operator reports repeated deletions as `ChangedByOthers`, and removes this
    report after a restart, which would count as a write.
    """
    found = []
    for name in names:
        service = plane.api.get("v1", "Service", name, namespace)
        mark = plane.audit_mark()
        plane.api.delete(service)

        def again(name: str = name, old: str = service["metadata"]["uid"]) -> bool:
            live = plane.api.find("v1", "Service", name, namespace)
            return bool(live) and live is not None and live["metadata"]["uid"] != old

        eventually(again, 30.0)
        time.sleep(0.5)
        events = [e for e in plane.audit_since(mark) if (e.get("objectRef") or {}).get("resource") == "services"]
        gone = next(_time(e, "stageTimestamp") for e in events if e["verb"] == "delete")
        back = next(_time(e, "stageTimestamp") for e in events if e["verb"] == "create" and _ok(e))
        found.append((back - gone).total_seconds())
    return statistics.median(found)


def memory(operator: OperatorProcess) -> float:
    """The resident memory of the operator in MiB."""
    status = Path(f"/proc/{operator.process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]) / 1024


def cpu(operator: OperatorProcess) -> float:
    """The processor seconds that the operator has used."""
    fields = Path(f"/proc/{operator.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def foreign_secrets(plane: ControlPlane, namespace: str, count: int) -> None:
    """Create Secrets of 10 KiB that belong to no instance."""
    payload = "x" * 10240

    def create(number: int) -> None:
        metadata = {"name": f"foreign-{number}", "namespace": namespace}
        plane.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"blob": payload}})

    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        list(pool.map(create, range(count)))


def _id(obj: Object) -> tuple[str, str, str]:
    plurals = {"NetworkPolicy": "networkpolicies", "Ingress": "ingresses"}
    kind = obj["kind"]
    return plurals.get(kind, f"{kind.lower()}s"), obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _audit_id(event: Object) -> tuple[str, str, str]:
    ref = event.get("objectRef") or {}
    return ref.get("resource", ""), ref.get("namespace", ""), ref.get("name", "")


def _creates(event: Object, resource: str) -> bool:
    return event["verb"] == "create" and (event.get("objectRef") or {}).get("resource") == resource


def _makes(event: Object) -> bool:
    """Whether an event is the creation of an object, by POST or by server-side apply (as cert-manager does)."""
    return event["verb"] in ("create", "patch") and bool(event.get("responseStatus", {}).get("code") == 201)


def _ok(event: Object) -> bool:
    return bool(event.get("responseStatus", {}).get("code", 0) < 300)


def _time(event: Object, field: str) -> datetime:
    return datetime.fromisoformat(event[field])
