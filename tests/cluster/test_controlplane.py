"""The embedded control plane boots, runs simulated pods, keeps its data in restarts, and logs all requests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cluster.api import ApiError, Object, condition, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import KubectlError

NamespaceFactory = Callable[..., str]


def deployment(namespace: str, name: str = "web", claim: str | None = None) -> Object:
    labels = {"app": name}
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}] if claim else []
    containers = [{"name": "web", "image": "registry.example.com/web:1"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers, "volumes": volumes}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template},
    }


def config_map(namespace: str, name: str = "settings") -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


def test_a_deployment_with_a_volume_becomes_available(control_plane: ControlPlane, namespace: NamespaceFactory) -> None:
    where = namespace(control_plane)
    claim: Object = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": where},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    control_plane.api.create(claim)
    control_plane.api.create(deployment(where, claim="data"))

    def available() -> bool:
        found = control_plane.api.get("apps/v1", "Deployment", "web", where)
        return condition(found, "Available").get("status") == "True" and found["status"]["readyReplicas"] == 2

    eventually(available, what="the Deployment is available")
    bound = control_plane.api.get("v1", "PersistentVolumeClaim", "data", where)
    assert bound["status"]["phase"] == "Bound"


def test_owned_objects_are_collected_and_namespaces_end(
    control_plane: ControlPlane, namespace: NamespaceFactory
) -> None:
    where = namespace(control_plane)
    api = control_plane.api
    owner = api.create(config_map(where, "owner"))
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    owned = config_map(where, "owned")
    owned["metadata"]["ownerReferences"] = [reference]
    api.create(owned)
    api.delete(owner)
    eventually(
        lambda: api.find("v1", "ConfigMap", "owned", where) is None, what="garbage collection deletes the owned object"
    )
    api.delete(api.get("v1", "Namespace", where))
    eventually(lambda: api.find("v1", "Namespace", where) is None, what="the namespace is deleted")


@pytest.mark.parametrize("kill", [False, True])
def test_a_restarted_api_server_keeps_its_address_and_data(
    control_plane: ControlPlane, namespace: NamespaceFactory, kill: bool
) -> None:
    where = namespace(control_plane)
    before = control_plane.api.create(config_map(where))
    control_plane.stop_apiserver(kill=kill)
    assert not control_plane.ready()
    control_plane.start_apiserver()
    after = control_plane.api.get("v1", "ConfigMap", "settings", where)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_service_account_has_the_permissions_of_its_roles(
    control_plane: ControlPlane, namespace: NamespaceFactory
) -> None:
    where = namespace(control_plane)
    control_plane.api.create(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": where}}
    )
    robot = control_plane.api_for("robot", where)
    with pytest.raises(ApiError, match="forbidden") as refused:
        robot.list("v1", "ConfigMap", where)
    assert refused.value.code == 403
    control_plane.kubectl(
        "create", "rolebinding", "robot", "-n", where, "--clusterrole=view", f"--serviceaccount={where}:robot"
    )
    eventually(lambda: robot.list("v1", "ConfigMap", where), what="the binding has an effect")
    config = control_plane.kubeconfig_for("robot", where)
    assert "kube-root-ca.crt" in control_plane.kubectl("get", "configmaps", "-n", where, kubeconfig=config)
    with pytest.raises(KubectlError, match="forbidden"):
        control_plane.kubectl("delete", "configmap", "kube-root-ca.crt", "-n", where, kubeconfig=config)


def test_blocking_owner_references_need_the_finalizers_permission(
    control_plane: ControlPlane, namespace: NamespaceFactory
) -> None:
    where = namespace(control_plane)
    api = control_plane.api
    owner = api.create(deployment(where))
    api.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot", "namespace": where}})
    control_plane.kubectl("create", "role", "robot", "-n", where, "--verb=create", "--resource=configmaps")
    control_plane.kubectl(
        "create", "rolebinding", "robot", "-n", where, "--role=robot", f"--serviceaccount={where}:robot"
    )
    owned = config_map(where)
    owned["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": owner["metadata"]["uid"],
            "blockOwnerDeletion": True,
        }
    ]  # fmt: skip
    with pytest.raises(ApiError, match="cannot set blockOwnerDeletion"):
        control_plane.api_for("robot", where).create(owned)


def test_the_audit_log_has_one_line_per_request(control_plane: ControlPlane, namespace: NamespaceFactory) -> None:
    where = namespace(control_plane)
    reader = control_plane.api_for("default", where)
    mark = control_plane.audit_mark()
    for _ in range(3):
        with pytest.raises(ApiError):
            reader.get("v1", "Secret", "any", where)
    events = [
        event
        for event in control_plane.audit_since(mark, user=f"{where}:default")
        if event.get("objectRef", {}).get("resource") == "secrets"
    ]
    assert [event["verb"] for event in events] == ["get"] * 3
    assert {event["responseStatus"]["code"] for event in events} == {403}
    assert all(event["stageTimestamp"] >= event["requestReceivedTimestamp"] for event in events)


def test_watches_report_existing_objects_and_changes(control_plane: ControlPlane, namespace: NamespaceFactory) -> None:
    where = namespace(control_plane)
    control_plane.api.create(config_map(where, "first"))
    seen = control_plane.api.watch("v1", "ConfigMap", where, fieldSelector="metadata.name=first")
    assert next(seen)["type"] == "ADDED"
    control_plane.api.delete(config_map(where, "first"))
    assert next(event["type"] for event in seen if event["type"] != "BOOKMARK") == "DELETED"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_watchdog_removes_the_control_plane_of_a_killed_interpreter(number: signal.Signals) -> None:
    """The watchdog ends the components and removes their files if the test process is killed."""
    code = (
        "import time\n"
        "from tests.cluster.controlplane import ControlPlane, Options\n"
        "plane = ControlPlane(Options(kwok=False, scheduler=False, volumes=0)).start()\n"
        "print(plane.directory, *[child.process.pid for child in plane.children.values()], flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        directory, *pids = process.stdout.readline().split()
        assert len(pids) == 3
        process.send_signal(number)
        process.wait(60)
    eventually(lambda: not any(_alive(int(pid)) for pid in pids), what="the components end")
    eventually(lambda: not Path(directory).exists(), what="their files are removed")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not _zombie(pid)


def _zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, IndexError):
        time.sleep(0.05)
        return False
