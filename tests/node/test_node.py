"""A real node runs pods, and is removed completely after its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cluster.api import Object, eventually
from tests.cluster.kubectl import KubectlError
from tests.cluster.processes import ProcessDiedError
from tests.node import leftovers
from tests.node.conftest import NamespaceFactory
from tests.node.node import Node
from tests.node.pods import pod, start
from tests.node.remains import remains
from tests.node.requirements import environment

ROOT = Path(__file__).parents[2]


def request_from(node: Node, namespace: str, client: str, url: str) -> str:
    """Send a GET request from a pod. Returns the response, or the error."""
    try:
        return node.kubectl("exec", "-n", namespace, client, "--", "/pod", "get", url, "2")
    except KubectlError as error:
        return str(error.stderr)


def wait_for_answer(node: Node, namespace: str, client: str, url: str) -> None:
    """Wait until a pod gets a response from this address."""
    eventually(lambda: request_from(node, namespace, client, url) == "here", what=f"{client} gets {url}")


def create_server(node: Node, namespace: str) -> None:
    """Create a pod with a server, and its Service of the same name."""
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
    create_server(node, name)
    start(node, pod("client", name))
    for host in ("server", f"server.{name}.svc.cluster.local"):
        wait_for_answer(node, name, "client", f"http://{host}/")
    assert node.kubectl("logs", "-n", name, "server") == ""


def test_network_policies_are_enforced(node: Node, namespace: NamespaceFactory) -> None:
    name = namespace()
    create_server(node, name)
    for client in ("allowed", "other"):
        start(node, pod(client, name))
        wait_for_answer(node, name, client, "http://server/")
    node.api.create(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "allowed", "namespace": name},
            "spec": {
                "podSelector": {"matchLabels": {"name": "server"}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"name": "allowed"}}}]}],
            },
        }
    )
    eventually(
        lambda: "refused" in request_from(node, name, "other", "http://server/"),
        what="the connection of the other pod is refused",
    )
    wait_for_answer(node, name, "allowed", "http://server/")


def test_volumes_are_provisioned_and_keep_data_of_deleted_pods(node: Node, namespace: NamespaceFactory) -> None:
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


# --- removal ---

_OWNER = """
import sys, time
from tests.node.{module} import {name}
thing = {name}()
thing.start()
print(getattr(thing, "sandbox", thing).directory, flush=True)
time.sleep(600)
"""


def start_in_process(module: str, name: str) -> tuple[subprocess.Popen[str], Path]:
    """Start a node in another process. Returns the process and the node's folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", _OWNER.format(module=module, name=name)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout
    directory = Path(process.stdout.readline().strip())
    assert directory.is_dir(), "the node did not start"
    return process, directory


@pytest.mark.usefixtures("can_run")
def test_a_killed_node_is_removed() -> None:
    process, directory = start_in_process("node", "Node")
    assert remains(directory)
    rules = _rules()
    process.kill()
    process.wait()
    eventually(lambda: not remains(directory), timeout=120, what="the killed node is gone")
    assert _rules() == rules


@pytest.mark.usefixtures("can_run")
def test_the_next_start_removes_a_node_whose_cleanup_process_was_killed() -> None:
    process, directory = start_in_process("sandbox", "Sandbox")
    lines = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout.splitlines()
    cleanups = [int(line.split()[0]) for line in lines if "tests.node.leftovers" in line and str(directory) in line]
    for pid in (*cleanups, process.pid):
        os.kill(pid, signal.SIGKILL)
    process.wait()
    assert directory.exists()
    leftovers.remove_abandoned()
    assert not remains(directory)


class BrokenNode(Node):
    """A node whose containerd ends at once."""

    def _command(self, name: str, arguments: Sequence[str]) -> list[str | Path]:
        command = super()._command(name, arguments)
        return command if name != "containerd" else [*self.sandbox.inside(), "sh", "-c", "echo no disk; exit 3"]


@pytest.mark.usefixtures("can_run")
def test_a_node_whose_containerd_ends_at_the_start_is_removed() -> None:
    node = BrokenNode()
    with pytest.raises(ProcessDiedError) as error:
        node.start()
    log = node.directory / "logs/containerd.log"
    assert str(error.value) == f"containerd ended with code 3; end of {log}:\nno disk"
    assert node.sandbox.directory in log.parents
    assert remains(node.sandbox.directory) == []


@pytest.mark.usefixtures("can_run")
def test_a_running_node_is_not_removed(node: Node) -> None:
    leftovers.remove_abandoned()
    assert node.node_ready()
    assert node.sandbox.directory.is_dir()


def _rules() -> str:
    command = ["nft", "list", "ruleset"]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout
