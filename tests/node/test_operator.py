"""The operator as it is shipped, with two replicas: what it survives, and how much memory it needs."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import ApiError, Object, condition, eventually
from tests.cluster.operator_process import DEPLOYMENT, LEASES, NAMESPACE
from tests.node.conftest import NamespaceFactory
from tests.node.installation import operator_available, restarts
from tests.node.instance import HOME, PATIENCE, Running, container_of
from tests.node.node import Node
from tests.node.test_node import pod, start

pytestmark = pytest.mark.timeout(900)


def leader(node: Node) -> str:
    """The identity of the replica that leads; it begins with the name of its pod."""
    lease = node.api.get(LEASES, "Lease", constants.LEASE, NAMESPACE)
    return str(lease["spec"].get("holderIdentity") or "")


def replicas(node: Node) -> list[Object]:
    """The two pods of the operator, once no other one is left of an update."""

    def two() -> list[Object] | None:
        found = node.api.list("v1", "Pod", NAMESPACE)
        return found if len(found) == 2 and operator_available(node.api) else None

    return eventually(two, PATIENCE, "two pods of the operator are left") or []


def pod_of(node: Node, identity: str) -> Object:
    return node.api.get("v1", "Pod", identity.partition("_")[0], NAMESPACE)


def change(running: Running, value: str) -> None:
    """Changes the instance. The API server refuses it while the webhook's replica does not answer."""
    annotations = {"serviceOptions": {"coreConfig": {"annotations": {"example.com/change": value}}}}

    def patched() -> bool:
        with suppress(ApiError):
            running.api.patch(running.cryostat, {"spec": annotations})
            return True
        return False

    eventually(patched, PATIENCE, "the instance is changed")


def finished(running: Running, value: str) -> bool:
    """Whether the change is in the objects of the instance, and in its status."""
    service = running.api.get("v1", "Service", running.name, HOME)
    made = service["metadata"].get("annotations", {}).get("example.com/change") == value
    cryostat = running.cryostat
    ready = condition(cryostat, "Ready")
    observed = ready.get("observedGeneration") == cryostat["metadata"]["generation"]
    return made and observed and ready.get("status") == "True"


def delete(node: Node, found: Object) -> None:
    node.api.delete(found)


def kill(node: Node, found: Object) -> None:
    node.signal(container_of(found), signal.SIGKILL)


def freeze(node: Node, found: Object) -> None:
    node.signal(container_of(found), signal.SIGSTOP)


@pytest.mark.parametrize("end", [delete, kill, freeze])
def test_another_replica_leads_and_finishes_a_change(instance: Running, end: Callable[[Node, Object], Any]) -> None:
    node = instance.node
    eventually(lambda: operator_available(node.api), PATIENCE, "both replicas are available")
    former = eventually(lambda: leader(node), PATIENCE, "a replica leads")
    found = pod_of(node, former)
    end(node, found)
    try:
        change(instance, end.__name__)
        eventually(lambda: leader(node) not in ("", former), PATIENCE, "another replica leads")
        eventually(lambda: finished(instance, end.__name__), PATIENCE, "it finishes the change")
    finally:
        if end is freeze:
            node.signal(container_of(found), signal.SIGCONT)
    assert restarts(instance.pods) == 0


def test_an_instance_changes_during_a_rolling_update(instance: Running) -> None:
    node = instance.node
    before = {each["metadata"]["uid"] for each in node.api.list("v1", "Pod", NAMESPACE)}
    node.kubectl("rollout", "restart", f"deployment/{DEPLOYMENT}", "--namespace", NAMESPACE)
    change(instance, "update")
    instance.api.patch(instance.cryostat, {"spec": {"resources": {"databaseResources": {"requests": {"cpu": "25m"}}}}})
    node.kubectl("rollout", "status", f"deployment/{DEPLOYMENT}", "--namespace", NAMESPACE, "--timeout=300s")
    eventually(lambda: finished(instance, "update"), PATIENCE, "the change is finished")

    def database_is_new() -> bool:
        requests = [each["spec"]["containers"][0]["resources"]["requests"]["cpu"] for each in instance.pods]
        return "25m" in requests and len(requests) == 3 and instance.is_ready

    eventually(database_is_new, PATIENCE, "the database has its new resources")
    after = replicas(node)
    assert not before & {each["metadata"]["uid"] for each in after}
    assert restarts(after) == 0


def test_the_memory_of_each_replica_is_below_its_request(instance: Running) -> None:
    request = 128 * 1024**2
    found = replicas(instance.node)
    assert [each["spec"]["containers"][0]["resources"]["requests"]["memory"] for each in found] == ["128Mi"] * 2
    used = {each["metadata"]["name"]: memory(instance.node, container_of(each)) for each in found}
    print(json.dumps(used))
    assert max(used.values()) < request
    assert min(used.values()) > 10 * 1024**2, "this is no Python process"


def memory(node: Node, container: str) -> int:
    """The bytes of a container that are no cache of files, in either version of cgroups."""
    [path] = [each for each in node.cgroups(container) if (each / "memory.stat").exists()]
    return anonymous(path / "memory.stat")


def anonymous(path: Path) -> int:
    values = dict(line.split() for line in path.read_text().splitlines())
    return int(values["anon"] if "anon" in values else values["total_rss"])


def test_all_pods_outlive_kubelet_and_containerd(instance: Running, namespace: NamespaceFactory) -> None:
    node = instance.node

    def containers() -> set[str]:
        pods = [*instance.pods, *replicas(node)]
        return {each["containerID"] for found in pods for each in found["status"]["containerStatuses"]}

    before = containers()
    node.restart_node()
    start(node, pod("late", namespace()))
    assert containers() == before
    eventually(lambda: instance.is_ready, PATIENCE, "the instance is still Ready")
    assert instance.ask("/api/v4/targets", instance.login())[0] == 200
