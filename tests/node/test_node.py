"""A real node runs pods, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.api import Object, eventually
from tests.cluster.kubectl import KubectlError
from tests.node import leftovers
from tests.node.configuration import PAUSE_IMAGE
from tests.node.conftest import NamespaceFactory
from tests.node.node import Node
from tests.node.requirements import environment

ROOT = Path(__file__).parents[2]


def pod(name: str, namespace: str, *arguments: str, volumes: list[Object] | None = None) -> Object:
    """A pod of the smallest image, as Pod Security's level `restricted` asks for it."""
    security = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container: Object = {"name": "main", "image": PAUSE_IMAGE, "args": list(arguments), "securityContext": security}
    if volumes:
        container["volumeMounts"] = [{"name": volume["name"], "mountPath": "/data"} for volume in volumes]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"name": name}},
        "spec": {
            "containers": [container],
            "volumes": volumes or [],
            "securityContext": {"fsGroup": 2000},
            "terminationGracePeriodSeconds": 1,
        },
    }


def start(node: Node, obj: Object) -> Object:
    """Creates a pod and waits until it runs."""
    node.api.create(obj)
    meta = obj["metadata"]

    def running() -> Object | None:
        found = node.api.get("v1", "Pod", meta["name"], meta["namespace"])
        return found if found["status"].get("phase") == "Running" else None

    return eventually(running, what=f"pod {meta['name']} runs") or {}


def ask(node: Node, namespace: str, client: str, url: str) -> str:
    """The answer that a pod gets from this address, or the error."""
    try:
        return node.kubectl("exec", "-n", namespace, client, "--", "/pod", "get", url, "2")
    except KubectlError as error:
        return str(error.stderr)


def wait_for_answer(node: Node, namespace: str, client: str, url: str) -> None:
    """Waits until a pod gets an answer from this address."""
    eventually(lambda: ask(node, namespace, client, url) == "here", what=f"{client} gets {url}")


def server(node: Node, namespace: str) -> None:
    """A pod that serves, behind a Service of the same name."""
    start(node, pod("server", namespace, "serve", "8080"))
    node.api.create(
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "server", "namespace": namespace},
            "spec": {"selector": {"name": "server"}, "ports": [{"port": 80, "targetPort": 8080}]},
        }
    )


def test_pods_reach_services_by_name_also_in_a_restricted_namespace(node: Node, namespace: NamespaceFactory) -> None:
    assert node.node_ready()
    name = namespace(labels={"pod-security.kubernetes.io/enforce": "restricted"})
    server(node, name)
    start(node, pod("client", name))
    for host in ("server", f"server.{name}.svc.cluster.local"):
        wait_for_answer(node, name, "client", f"http://{host}/")
    assert node.kubectl("logs", "-n", name, "server") == ""


def test_network_policies_are_enforced(node: Node, namespace: NamespaceFactory) -> None:
    name = namespace()
    server(node, name)
    for client in ("friend", "stranger"):
        start(node, pod(client, name))
        wait_for_answer(node, name, client, "http://server/")
    node.api.create(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "friends", "namespace": name},
            "spec": {
                "podSelector": {"matchLabels": {"name": "server"}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"name": "friend"}}}]}],
            },
        }
    )
    eventually(lambda: "refused" in ask(node, name, "stranger", "http://server/"), what="the stranger is kept out")
    assert ask(node, name, "friend", "http://server/") == "here"


def test_volumes_are_provisioned_and_outlive_pods(node: Node, namespace: NamespaceFactory) -> None:
    name = namespace()
    claim: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    others = set((node.place.directory / "volumes").glob("*"))
    node.api.create(claim)
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    for pod_name, command in (("first", ("write", "/data/file", "kept")), ("second", ("print", "/data/file"))):
        created = start(node, pod(pod_name, name, volumes=volumes))
        answer = node.kubectl("exec", "-n", name, pod_name, "--", "/pod", *command)
        node.api.delete(created)
    assert answer == "kept"
    [folder] = set((node.place.directory / "volumes").iterdir()) - others
    node.api.delete(claim)
    eventually(lambda: not folder.exists(), what="the folder of the deleted claim is gone")


# --- nothing is left ---

_OWNER = """
import sys, time
from tests.node.{module} import {name}
thing = {name}()
thing.start()
print(getattr(thing, "sandbox", thing).directory, flush=True)
time.sleep(600)
"""


def owner(module: str, name: str) -> tuple[subprocess.Popen[str], Path]:
    """Another process that has started a node, and the node's folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER.format(module=module, name=name)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    directory = Path(process.stdout.readline().strip())
    assert directory.is_dir(), "it did not start"
    return process, directory


def traces(directory: Path) -> list[str]:
    """What is left of a node on this machine."""
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    devices = subprocess.run(["ip", "link"], env=environment(), capture_output=True, text=True, check=True).stdout
    found = [line for line in commands.splitlines() if directory.name in line]
    found += [line for line in devices.splitlines() if leftovers.device(directory) in line]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if directory.name in line]
    found += [str(path) for path in (directory, *(root / directory.name for root in leftovers.hierarchies()))]
    return [trace for trace in found if not trace.startswith("/") or Path(trace).exists()]


@pytest.mark.usefixtures("can_run")
def test_nothing_is_left_after_a_kill() -> None:
    process, directory = owner("node", "Node")
    assert traces(directory)
    rules = _rules()
    process.kill()
    process.wait()
    eventually(lambda: not traces(directory), what="the killed node is gone")
    assert _rules() == rules


@pytest.mark.usefixtures("can_run")
def test_the_next_start_removes_what_is_left_when_everything_beside_the_node_was_killed() -> None:
    process, directory = owner("sandbox", "Sandbox")
    lines = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    guards = [int(line.split()[0]) for line in lines if "tests.node.leftovers" in line and str(directory) in line]
    for pid in (*guards, process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    assert directory.exists()
    leftovers.remove_dead()
    assert not traces(directory)


@pytest.mark.usefixtures("can_run")
def test_a_living_node_is_no_leftover(node: Node) -> None:
    leftovers.remove_dead()
    assert node.node_ready()
    assert node.sandbox.directory.is_dir()


def _rules() -> str:
    command = ["nft", "list", "ruleset"]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout
