"""A real control plane on loopback: etcd, kube-apiserver, controller-manager, scheduler, and kwok as kubelets.

Everything that the API server decides (schemas, defaults, RBAC, admission, garbage collection, quotas) is real. Only
the pods are simulated: kwok reports every scheduled pod as running and ready, but starts no container.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3

from tests.cluster import binaries, permissions
from tests.cluster.api import Api, ApiError, Object, condition, eventually
from tests.cluster.certificates import write_key, write_serving_certificate
from tests.cluster.kubectl import kubeconfig_text, run_kubectl
from tests.cluster.processes import Child, free_ports, listening, remove_directory, watchdog

# TEST-NET-1. The address is only used in the EndpointSlice of the `kubernetes` Service; no packet is sent to it. With a
# loopback address the API server leaves this EndpointSlice empty.
ADVERTISED = "192.0.2.1"
LOOPBACK = "127.0.0.1"
SERVICE_ADDRESSES = "10.96.0.0/16"
USERS = ("admin", "kube-controller-manager", "kube-scheduler", "kwok")  # separate users in the audit log
CONTROLLERS = [*USERS[1:], "system:apiserver"]  # the last one is the API server's user for its own requests
NODE = "node-0"

# Save CPU time of programs in Go. Fewer garbage collections save a quarter of the API server's CPU time; GOMEMLIMIT
# bounds its memory. One running thread saves a fifth, because a request is not moved between processors.
LEAN = {"GOGC": "800", "GOMEMLIMIT": "900MiB", "GOMAXPROCS": "1"}

# One line per request: a watch is logged when it begins, any other request when it is complete. More than half of all
# requests are of the control plane itself. Of these, tests use the new ReplicaSets.
AUDIT_POLICY: Object = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Metadata",
            "users": CONTROLLERS,
            "verbs": ["create"],
            "resources": [{"group": "apps", "resources": ["replicasets"]}],
        },
        {"level": "None", "users": CONTROLLERS},
        {"level": "Metadata", "verbs": ["watch"], "omitStages": ["ResponseComplete"]},
        {"level": "Metadata", "omitStages": ["ResponseStarted"]},
    ],
}


@dataclass(frozen=True)
class Options:
    """Options of a control plane. The defaults are a complete cluster with one node."""

    kwok: bool = True
    scheduler: bool = True
    volumes: int = 8
    endpoints: bool = True  # without the endpoints of Services there are 15 % fewer requests
    apiserver_args: Sequence[str] = ()
    admission_config: Object | None = None  # an AdmissionConfiguration (Pod Security defaults, event rate limits, ...)
    boot_timeout: float = 60.0
    programs: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        wanted = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"]
        wanted += ["kube-scheduler"] * self.scheduler + ["kwok"] * self.kwok
        object.__setattr__(self, "programs", tuple(wanted))


class ControlPlane:
    """`with ControlPlane() as plane:` boots a control plane in a few seconds. All files are in a temporary directory.

    Raises:
        BuildError: a program is missing and cannot be built.
        ProcessDiedError: a component ended during the boot. The message has the end of its log.
        TimeoutError: a component is not ready in time. The message has the end of its log.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.children: dict[str, Child] = {}
        self.address = LOOPBACK  # where etcd and the API server listen
        self.advertised = ADVERTISED
        self.users: tuple[str, ...] = USERS
        self.parent: Path | None = None  # folder of the temporary directory, None for the system's

    # --- start and stop ---

    def start(self) -> Self:
        """Start all components and return when pods can be scheduled."""
        self.programs = binaries.programs(*self.options.programs)
        stages = binaries.data(binaries.KWOK) if self.options.kwok else []
        self.directory = Path(tempfile.mkdtemp(prefix="cryostat-control-plane-", dir=self.parent))
        watchdog.send("remove", self.directory)
        try:
            self._write_files(stages)
            self._boot()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Kill all components and delete their data."""
        for name in reversed(self.children):
            self.children[name].kill()
        self.children.clear()
        if hasattr(self, "directory"):
            permissions.record(self.audit_log)
            remove_directory(self.directory)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _write_files(self, stages: Sequence[Path]) -> None:
        (self.directory / "logs").mkdir()
        self.audit_log = self.directory / "audit.log"
        self._port, self._etcd_port, self._etcd_peer_port = free_ports(3)
        self.server = f"https://{self.address}:{self._port}"
        self._certificate = write_serving_certificate(
            self.directory, self.address, "localhost", self.advertised, "10.96.0.1", "kubernetes.default.svc"
        )
        write_key(self.directory / "service-account.key")
        tokens = {user: secrets.token_hex(16) for user in self.users}
        lines = [f'{token},{user},{user},"system:masters"' for user, token in tokens.items()]
        self._write("tokens.csv", "\n".join(lines) + "\n")
        self._write("audit-policy.yaml", json.dumps(AUDIT_POLICY))
        self._write("admission.yaml", json.dumps(self.options.admission_config or {}))
        stage_texts = [path.read_text() for path in stages if path.name != "kustomization.yaml"]
        self._write("stages.yaml", "\n---\n".join(stage_texts))
        self.api = Api(
            self.server, {"ca_certs": str(self._certificate.ca)}, {"Authorization": f"Bearer {tokens['admin']}"}
        )
        for user, token in tokens.items():
            self._write(f"{user}.kubeconfig", kubeconfig_text(self.api, token, user))
        self.kubeconfig = self.directory / "admin.kubeconfig"

    def _write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text)

    def _boot(self) -> None:
        self._start_etcd()
        self._start_apiserver()
        self._start_controllers()
        if self.options.kwok:
            self.api.create({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        self.add_volumes(self.options.volumes)
        eventually(self._usable, self.options.boot_timeout, "the cluster is usable", interval=0.05)

    def _usable(self) -> bool:
        for child in self.children.values():
            child.check()
        node = self.api.get("v1", "Node", NODE) if self.options.kwok else {}
        account = self.api.find("v1", "ServiceAccount", "default", "default")
        return bool(account) and (not node or (condition(node, "Ready").get("status") == "True" and not _tainted(node)))

    # --- components ---

    def _start(self, name: str, arguments: Sequence[str]) -> Child:
        # KUBECONFIG and proxies of the caller must not leak into a component.
        env = {key: os.environ[key] for key in ("PATH", "HOME", "TMPDIR") if key in os.environ}
        command = self._command(name, arguments)
        child = Child(name, command, self.directory / "logs" / f"{name}.log", env | LEAN)
        self.children[name] = child
        return child

    def _command(self, name: str, arguments: Sequence[str]) -> list[str | Path]:
        """The command line of a component."""
        return [self.programs[name], *arguments]

    def _start_etcd(self) -> None:
        client, peer = (f"http://{self.address}:{port}" for port in (self._etcd_port, self._etcd_peer_port))
        child = self._start(
            "etcd",
            [
                f"--data-dir={self.directory / 'etcd'}", "--unsafe-no-fsync", "--log-level=warn",
                f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=default={peer}",
            ],
        )  # fmt: skip
        child.wait_until(lambda: listening(self._etcd_port, self.address), self.options.boot_timeout)

    def _start_apiserver(self) -> None:
        child = self._start("kube-apiserver", self._apiserver_args())
        child.wait_until(self.ready, self.options.boot_timeout)

    def _apiserver_args(self) -> list[str]:
        key = self.directory / "service-account.key"
        arguments = [
            f"--etcd-servers=http://{self.address}:{self._etcd_port}",
            f"--bind-address={self.address}", f"--secure-port={self._port}", f"--advertise-address={self.advertised}",
            f"--cert-dir={self.directory}",
            f"--tls-cert-file={self._certificate.certificate}", f"--tls-private-key-file={self._certificate.key}",
            f"--token-auth-file={self.directory / 'tokens.csv'}", "--authorization-mode=RBAC",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            f"--service-cluster-ip-range={SERVICE_ADDRESSES}", "--allow-privileged=true",
            "--shutdown-watch-termination-grace-period=2s",  # without it, open watches delay a stop for a minute
            "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",  # enabled on OpenShift
            f"--audit-policy-file={self.directory / 'audit-policy.yaml'}",
            f"--audit-log-path={self.audit_log}", "--audit-log-mode=blocking", "--audit-log-maxsize=4000",
        ]  # fmt: skip
        if self.options.admission_config:
            arguments.append(f"--admission-control-config-file={self.directory / 'admission.yaml'}")
        return [*arguments, *self.options.apiserver_args]

    def _start_controllers(self) -> None:
        self._start("kube-controller-manager", self._controller_manager_args())
        if self.options.scheduler:
            self._start("kube-scheduler", [f"--kubeconfig={self.directory / 'kube-scheduler.kubeconfig'}", *_ALONE])
        if self.options.kwok:
            self._start("kwok", self._kwok_args())

    def _controller_manager_args(self) -> list[str]:
        left_out = () if self.options.endpoints else _ENDPOINT_CONTROLLERS
        return [
            f"--controllers={','.join(('*', *(f'-{name}' for name in left_out)))}",
            f"--kubeconfig={self.directory / 'kube-controller-manager.kubeconfig'}", *_ALONE,
            f"--service-account-private-key-file={self.directory / 'service-account.key'}",
            f"--root-ca-file={self._certificate.ca}",  # published to every namespace as kube-root-ca.crt
            f"--service-cluster-ip-range={SERVICE_ADDRESSES}",
            "--pvclaimbinder-sync-period=2s",
            "--kube-api-qps=200", "--kube-api-burst=400",
        ]  # fmt: skip

    def _kwok_args(self) -> list[str]:
        return [
            f"--kubeconfig={self.directory / 'kwok.kubeconfig'}", f"--config={self.directory / 'stages.yaml'}",
            "--manage-all-nodes", "--node-port=0",  # no kubelet port: two control planes can run at once
        ]  # fmt: skip

    # --- disturbances ---

    def ready(self) -> bool:
        """Whether the API server answers /readyz with 200."""
        try:
            self.api.request("GET", "/readyz")
        except (ApiError, urllib3.exceptions.HTTPError):
            return False
        return True

    def stop_apiserver(self, *, kill: bool = False) -> None:
        """Stop the API server with SIGTERM or, if `kill`, with SIGKILL. etcd keeps the data."""
        child = self.children.pop("kube-apiserver")
        if kill:
            child.kill()
        else:
            child.stop(30)

    def start_apiserver(self) -> None:
        """Start the API server again on the same port with the same data, and wait until it is ready.

        The other components are restarted too: after an outage they may have exited, or wait for minutes before the
        next request.
        """
        self._start_apiserver()
        for name in ("kube-controller-manager", "kube-scheduler", "kwok"):
            if child := self.children.pop(name, None):
                child.kill()
        self._start_controllers()

    def restart_apiserver(self, *, kill: bool = False, down: float = 0.0) -> None:
        """Stop the API server, wait for `down` seconds, and start it again."""
        self.stop_apiserver(kill=kill)
        time.sleep(down)
        self.start_apiserver()

    # --- content and clients ---

    def add_volumes(self, count: int, storage_class: str = "") -> None:
        """Add hostPath PersistentVolumes of a storage class (by default none). One claim can bind to each of them."""
        for _ in range(count):
            name = f"volume-{secrets.token_hex(4)}"
            self.api.create(
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolume",
                    "metadata": {"name": name},
                    "spec": {
                        "capacity": {"storage": "64Gi"},
                        "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
                        "hostPath": {"path": f"/nonexistent/{name}"},
                        "storageClassName": storage_class,
                    },
                }
            )

    def recycle_volumes(self) -> None:
        """Make volumes of deleted claims available again: remove the reference to the claim."""
        for volume in self.api.list("v1", "PersistentVolume"):
            if (volume.get("status") or {}).get("phase") == "Released":
                self.api.patch(volume, {"spec": {"claimRef": None}})

    def kubeconfig_for(self, service_account: str, namespace: str, *, seconds: int = 86400) -> Path:
        """Write a kubeconfig of a ServiceAccount that must exist, with a token that is valid for `seconds`."""
        token = self.api.token_for(service_account, namespace, seconds=seconds)
        name = f"{namespace}.{service_account}.kubeconfig"
        self._write(name, kubeconfig_text(self.api, token, service_account))
        return self.directory / name

    def api_for(self, service_account: str, namespace: str) -> Api:
        """A client that authenticates as this ServiceAccount."""
        return self.api.with_token(self.api.token_for(service_account, namespace))

    def kubectl(self, *arguments: str | Path, input: str | None = None, kubeconfig: Path | None = None) -> str:
        """Run kubectl and return its standard output. Raises KubectlError."""
        return run_kubectl(self.programs["kubectl"], kubeconfig or self.kubeconfig, *arguments, input=input)

    def store(self, path: str, objects: Sequence[Object]) -> None:
        """Write objects into etcd, below a path of the registry. No validation or admission applies to them.

        Args:
            path: for example `operator.cryostat.io/cryostats/default`.
        """
        for obj in objects:
            key = f"/registry/{path}/{obj['metadata']['name']}".encode()
            self._etcd("put", {"key": _base64(key), "value": _base64(json.dumps(obj).encode())})

    def erase(self, path: str) -> None:
        """Remove everything below a path of the registry from etcd."""
        start = f"/registry/{path}/".encode()
        self._etcd("deleterange", {"key": _base64(start), "range_end": _base64(start[:-1] + b"0")})

    def _etcd(self, operation: str, body: Object) -> None:
        url = f"http://{self.address}:{self._etcd_port}/v3/kv/{operation}"
        answer = urllib3.request("POST", url, body=json.dumps(body))
        assert answer.status == 200, answer.data

    # --- audit ---

    def audit_mark(self) -> int:
        """A position in the audit log, for `audit_since`."""
        return self.audit_log.stat().st_size if self.audit_log.exists() else 0

    def audit_since(self, mark: int = 0, user: str = "") -> list[Object]:
        """Audit events after a mark, in the order in which the requests ended.

        Args:
            mark: a position from `audit_mark`.
            user: the end of the user name, for example `:my-account`. Empty for all users.
        """
        with self.audit_log.open("rb") as log:
            log.seek(mark)
            lines = log.read().split(b"\n")[:-1]  # the last line may be incomplete
        events = (json.loads(line) for line in lines)
        return [event for event in events if event["user"].get("username", "").endswith(user)]


_ENDPOINT_CONTROLLERS = (
    "endpoints-controller", "endpointslice-controller", "endpointslice-mirroring-controller",
)  # fmt: skip
_ALONE = ("--leader-elect=false", "--secure-port=0")


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _tainted(node: Object) -> bool:
    return bool(node["spec"].get("taints"))
