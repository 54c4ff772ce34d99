"""The operator's image with two replicas: disturbances, an update, and its memory."""

from __future__ import annotations

import json
import random
import signal
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.images import IMAGES, OPERATOR_IMAGE
from cryostat_operator.plan.injection.init_container import INIT_CONTAINER
from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from tests.cluster.api import ApiError, Object, condition
from tests.cluster.operator_process import DEPLOYMENT, LEASES, NAMESPACE
from tests.cluster.webhook_calls import review
from tests.node.conftest import NamespaceFactory
from tests.node.installation import operator_available, restarts
from tests.node.instance import CURL, HOME, PODS, TARGET, Running, container_of, wait_until
from tests.node.node import Node
from tests.node.operator_image import REFERENCE
from tests.node.pods import pod, start
from tests.node.replicas import replicas

pytestmark = pytest.mark.timeout(900)
WEBHOOK_SERVICE = "cryostat-operator-webhook-service"


def leader(node: Node) -> str:
    """The identity of the leader. It begins with the name of the pod."""
    lease = node.api.get(LEASES, "Lease", constants.LEASE, NAMESPACE)
    return str(lease["spec"].get("holderIdentity") or "")


def pod_of(node: Node, identity: str) -> Object:
    return node.api.get("v1", "Pod", identity.partition("_")[0], NAMESPACE)


def change(running: Running, value: str) -> None:
    """Set an annotation of the instance's Service."""
    patch(running, {"serviceOptions": {"coreConfig": {"annotations": {"example.com/change": value}}}})


def patch(running: Running, spec: Object) -> None:
    """Change the instance. The change is repeated while the API server gets no response from the webhook."""

    def patched() -> bool:
        with suppress(ApiError):
            running.api.patch(running.cryostat, {"spec": spec})
            return True
        return False

    wait_until(patched, "the instance is changed")


def is_reconciled(running: Running, value: str) -> bool:
    """Whether the objects and the status of the instance have the change."""
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
    node, before = instance.node, restarts(instance.pods)
    wait_until(lambda: operator_available(node.api), "both replicas are available")
    former = wait_until(lambda: leader(node), "a replica leads")
    found = pod_of(node, former)
    end(node, found)
    try:
        change(instance, end.__name__)
        wait_until(lambda: leader(node) not in ("", former), "another replica leads")
        wait_until(lambda: is_reconciled(instance, end.__name__), "the new leader finishes the change")
    finally:
        if end is freeze:
            node.signal(container_of(found), signal.SIGCONT)
    assert restarts(instance.pods) == before


UPGRADED = ("core", "database", "storage")  # images that the operator's update replaces
OPERATOR = "cryostat.test/operator:2"  # the new image of the operator itself


def test_an_update_of_the_operator_upgrades_the_operands(instance: Running) -> None:
    """The instance changes during the update. The new operator has an image of another name, other images of operands,
    and a random user, as on OpenShift.
    """
    node = instance.node
    user = instance.login()
    put = ("--request", "PUT", "--data-binary", "before the upgrade")
    assert instance.request("/kept/upgrade", user, *put)[0] == 204
    before = {each["metadata"]["uid"] for each in node.api.list("v1", "Pod", NAMESPACE)}
    images = {name: f"cryostat.test/{name}:2" for name in UPGRADED}
    for name, image in images.items():
        node.copy(IMAGES[name][1], image)
    node.copy(REFERENCE, OPERATOR)
    user_id = random.randrange(1_000_000_000, 2_000_000_000)
    node.kubectl("patch", "deployment", DEPLOYMENT, "--namespace", NAMESPACE, "--patch", update(images, user_id))
    change(instance, "update")
    patch(instance, {"resources": {"databaseResources": {"requests": {"cpu": "25m"}}}})
    node.kubectl("rollout", "status", f"deployment/{DEPLOYMENT}", "--namespace", NAMESPACE, "--timeout=300s")
    wait_until(lambda: is_reconciled(instance, "update"), "the change is reconciled")

    def upgraded() -> bool:
        pods = instance.pods
        used = {each["image"]: each["resources"]["requests"]["cpu"] for pod in pods
                for each in pod["spec"]["containers"]}  # fmt: skip
        assert len(pods) == PODS
        return set(images.values()) <= set(used) and used[images["database"]] == "25m" and instance.is_ready

    wait_until(upgraded, "all pods have their new images and the database its new resources")
    assert restarts(instance.pods) == 0, "the application waits for database and storage"
    kept = wait_until(lambda: instance.stored_values("upgrade", user), "the application answers")
    assert kept == {"database": "before the upgrade", "storage": "before the upgrade"}
    after = replicas(node)
    assert not before & {each["metadata"]["uid"] for each in after}
    assert restarts(after) == 0
    assert [each["spec"]["containers"][0]["image"] for each in after] == [OPERATOR] * 2
    assert {each["spec"]["securityContext"]["runAsUser"] for each in after} == {user_id}


def update(images: dict[str, str], user_id: int) -> str:
    """A patch of the operator's Deployment: its image, those of operands, and a user of its containers in group 0."""
    variables = [{"name": IMAGES[name][0], "value": image} for name, image in images.items()]
    variables.append({"name": OPERATOR_IMAGE, "value": OPERATOR})
    spec = {
        "securityContext": {"runAsUser": user_id, "runAsGroup": 0},
        "containers": [{"name": "operator", "image": OPERATOR, "env": variables}],
    }
    return json.dumps({"spec": {"template": {"spec": spec}}})


def forged_review(secret: str) -> Object:
    """An AdmissionReview that any pod could send: a labeled application with the variables of this Secret."""
    labels = {constants.AGENT_LABEL_NAME: "cryostat-sample", constants.AGENT_LABEL_NAMESPACE: HOME}
    container = {"name": "main", "image": "a", "envFrom": [{"secretRef": {"name": secret}}]}
    obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "forged", "namespace": TARGET, "labels": labels},
        "spec": {"containers": [container]},
    }
    user = {"username": "boss", "groups": ["system:masters"]}
    return review({"operation": "CREATE", "namespace": TARGET, "name": "forged", "userInfo": user, "object": obj})


def answer_of(instance: Running, url: str, *arguments: str) -> str:
    """The response to a request of a pod. A Service leads to new pods only some time after these are available."""
    return wait_until(lambda: instance.run(*CURL, *arguments, url), f"{url} answers")


def test_a_pod_learns_nothing_from_the_ports_of_the_operator(instance: Running) -> None:
    """Metrics need a token, and the response to a forged review does not depend on Secrets."""
    for replica in replicas(instance.node):
        address = replica["status"]["podIP"]
        for url in (f"http://{address}:8081/metrics", f"https://{address}:9443/metrics"):
            assert answer_of(instance, url).rpartition("\n")[2] in ("401", "403", "404")
    secrets = {"options": "JAVA_TOOL_OPTIONS", "settings": "COLOR"}  # the first review could change the response
    for name, key in secrets.items():
        metadata = {"name": name, "namespace": TARGET}
        instance.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {key: "-Da=b"}})
    url = f"https://{WEBHOOK_SERVICE}.{NAMESPACE}.svc{WebhookPaths.POD}"
    patches = set()
    for name in (*secrets, "absent"):
        content = ("--header", "Content-Type: application/json", "--data-binary", json.dumps(forged_review(name)))
        body, _, status = answer_of(instance, url, *content).rpartition("\n")
        assert status == "200"
        patches.add(b64decode(json.loads(body)["response"]["patch"]).decode().replace(name, ""))
    [patch] = patches
    assert INIT_CONTAINER in patch


def test_the_memory_of_each_replica_is_below_its_request(instance: Running) -> None:
    request = 128 * 1024**2
    found = replicas(instance.node)
    assert [each["spec"]["containers"][0]["resources"]["requests"]["memory"] for each in found] == ["128Mi"] * 2
    used = {each["metadata"]["name"]: memory(instance.node, container_of(each)) for each in found}
    print(json.dumps(used))
    assert max(used.values()) < request
    assert min(used.values()) > 10 * 1024**2, "the process is not Python"


def memory(node: Node, container: str) -> int:
    """The memory of a container in bytes without the page cache, in either version of cgroups."""
    [path] = [each for each in node.cgroups(container) if (each / "memory.stat").exists()]
    return anonymous(path / "memory.stat")


def anonymous(path: Path) -> int:
    values = dict(line.split() for line in path.read_text().splitlines())
    return int(values["anon"] if "anon" in values else values["total_rss"])


def test_a_restart_of_kubelet_and_containerd_ends_no_pod(instance: Running, namespace: NamespaceFactory) -> None:
    node = instance.node

    def containers() -> set[str]:
        pods = [*instance.pods, *replicas(node)]
        return {each["containerID"] for found in pods for each in found["status"]["containerStatuses"]}

    before = containers()
    node.restart_node()
    start(node, pod("late", namespace()))
    assert containers() == before
    wait_until(lambda: instance.is_ready, "the instance is still Ready")
    wait_until(lambda: instance.request("/api/v4/targets", instance.login())[0] == 200, "the application answers")
