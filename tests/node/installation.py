"""Steps of a user: apply the operator's manifests and a Cryostat, and open the application."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from tests.cluster.api import Api, Object, eventually
from tests.cluster.controlplane import ControlPlane
from tests.cluster.operator_process import DEPLOYMENT, NAMESPACE, ROOT, served, webhooks_are_called
from tests.cluster.processes import Child, listening

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


def sample(namespace: str) -> Object:
    """The smallest sample, with requests that fit on a small machine."""
    cryostat: Object = yaml.safe_load(SAMPLE.read_text())
    cryostat["metadata"]["namespace"] = namespace
    cryostat["spec"]["resources"] = dict.fromkeys(_RESOURCES, _SMALL)
    return cryostat


def create_namespace(api: Api, name: str, labels: Mapping[str, str] | None = None) -> None:
    """Create a namespace, and wait until pods can be created in it. Raises TimeoutError."""
    api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}})
    eventually(lambda: api.find("v1", "ServiceAccount", "default", name), what=f"{name} has its account")


def login(api: Api, cryostat: Object) -> tuple[str, str]:
    """The user and password of an instance, from the Secret in its status."""
    secret = api.get("v1", "Secret", cryostat["status"]["basicAuthSecret"], cryostat["metadata"]["namespace"])
    user, password = (base64.b64decode(secret["data"][key]).decode() for key in ("username", "password"))
    return user, password


def require_free_port(port: int) -> None:
    """Raise PortInUseError if a program listens on this port of the machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortInUseError(
                f"Port {port} of this machine cannot be used ({error.strerror}): choose another one with PORT=."
            ) from error


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
