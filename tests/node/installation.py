"""Steps of a user: apply the operator's manifests and a Cryostat, label an application, and open Cryostat."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterable
from pathlib import Path

import urllib3
import yaml

from cryostat_operator.api import constants
from tests.cluster.api import Api, Object, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import DEPLOYMENT, NAMESPACE, ROOT, served, webhooks_are_called
from tests.cluster.processes import Child, listening
from tests.node.images.operands import SAMPLE_REFERENCE

SAMPLE = ROOT / "manifests/samples/cryostat-sample.yaml"
PORT_OF_THE_PROXY = 4180
# The default requests of one instance need more than two processors.
_SMALL = {"requests": {"cpu": "20m", "memory": "64Mi"}}
_RESOURCES = (
    "authProxyResources", "coreResources", "dataSourceResources", "grafanaResources", "databaseResources",
    "objectStorageResources", "agentProxyResources",
)  # fmt: skip


class PortInUseError(Exception):
    """Another program uses the port for browsers. The message is one sentence."""


def apply_operator(plane: ControlPlane, timeout: float = 120.0) -> None:
    """Run `kubectl apply -f crds/ -f manifests/`, and wait until the API server calls the operator's webhooks.

    The node learns the addresses of new pods later than the API server: until then, it refuses the connection.
    Raises TimeoutError.
    """
    plane.kubectl("apply", "-f", ROOT / "crds", "-f", ROOT / "manifests")
    eventually(lambda: operator_available(plane.api), timeout, f"Deployment {NAMESPACE}/{DEPLOYMENT} is available")
    served(plane.api)
    eventually(lambda: webhooks_are_called(plane.api), timeout, "the API server calls the operator's webhooks")


def operator_available(api: Api) -> bool:
    """Whether all replicas of the operator are available."""
    deployment = api.get("apps/v1", "Deployment", DEPLOYMENT, NAMESPACE)
    return bool((deployment.get("status") or {}).get("availableReplicas") == deployment["spec"]["replicas"])


def sample(namespace: str, *other_targets: str) -> Object:
    """The smallest sample, with requests that fit on a small machine. `other_targets` are more target namespaces."""
    cryostat: Object = yaml.safe_load(SAMPLE.read_text())
    cryostat["metadata"]["namespace"] = namespace
    cryostat["spec"]["resources"] = dict.fromkeys(_RESOURCES, _SMALL)
    if other_targets:
        cryostat["spec"]["targetNamespaces"] = [namespace, *other_targets]
    return cryostat


def java_application(name: str, namespace: str, cryostat: Object) -> Object:
    """A Deployment of a Java program with the two labels that request the agent of an instance."""
    meta = cryostat["metadata"]
    labels = {constants.AGENT_LABEL_NAME: meta["name"], constants.AGENT_LABEL_NAMESPACE: meta["namespace"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": name, "image": SAMPLE_REFERENCE}]},
            },
        },
    }


def login(api: Api, cryostat: Object) -> tuple[str, str]:
    """The user and password of an instance, from the Secret in its status."""
    secret = api.get("v1", "Secret", cryostat["status"]["basicAuthSecret"], cryostat["metadata"]["namespace"])
    user, password = (base64.b64decode(secret["data"][key]).decode() for key in ("username", "password"))
    return user, password


def targets(api: Api, cryostat: Object, port: int) -> list[Object]:
    """The agents that are registered, as a user reads them at a forwarded port. Raises urllib3's HTTPError."""
    name, namespace = cryostat["metadata"]["name"], cryostat["metadata"]["namespace"]
    secret = api.get("v1", "Secret", f"{name}-tls", namespace)
    authority = base64.b64decode(secret["data"]["ca.crt"]).decode()
    pool = urllib3.PoolManager(ca_cert_data=authority, assert_hostname=f"{name}.{namespace}.svc", retries=False)
    headers = urllib3.make_headers(basic_auth=":".join(login(api, cryostat)))
    answer = pool.request("GET", f"https://127.0.0.1:{port}/api/v4/targets", headers=headers, timeout=10)
    return list(answer.json()) if answer.status == 200 else []


def reserve_port(port: int) -> socket.socket:
    """Listen on a port of the machine, so that no other program uses it before it is forwarded.

    Close the socket to release the port. Raises PortInUseError if a program already listens on it.
    """
    reserved = socket.socket()
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", port))
        reserved.listen()
    except OSError as error:
        reserved.close()
        raise PortInUseError(
            f"Port {port} of this machine cannot be used ({error.strerror}): choose another one with PORT=."
        ) from error
    return reserved


class Forwarding:
    """A port of this machine that `kubectl port-forward` forwards to a Service. It is restarted when it ends."""

    def __init__(self, plane: ControlPlane, service: str, namespace: str, port: int, log: Path) -> None:
        self.port = port
        self._ended = threading.Event()
        self._log = log
        self._command: list[str | Path] = [
            plane.programs["kubectl"], f"--kubeconfig={plane.kubeconfig}", "port-forward", f"--namespace={namespace}",
            f"service/{service}", f"{port}:{PORT_OF_THE_PROXY}",
        ]  # fmt: skip
        self._child = Child("kubectl port-forward", self._command, log)
        self._thread = threading.Thread(target=self._run, name="port-forward", daemon=True)
        self._thread.start()

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Wait until the port accepts connections. Raises TimeoutError."""
        eventually(lambda: listening(self.port), timeout, f"port {self.port} is forwarded")

    def stop(self) -> None:
        """End the forwarding, so that the port is free."""
        self._ended.set()
        self._thread.join()
        self._child.kill()

    def _run(self) -> None:
        # kubectl ends when the pod of the Service ends.
        while not self._ended.wait(0.5):
            if not self._child.running:
                self._child.kill()
                self._child = Child("kubectl port-forward", self._command, self._log)


def restarts(pods: Iterable[Object]) -> int:
    """The number of restarts of all containers of these pods."""
    statuses = [status for pod in pods for status in (pod.get("status") or {}).get("containerStatuses") or ()]
    return sum(status.get("restartCount", 0) for status in statuses)
