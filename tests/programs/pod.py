"""Simulates the kubelet for one container: its files, variables and arguments, in a directory instead of the root.

It replaces paths of mounts and numbers of ports in arguments, variables and files of ConfigMaps. All other text is
used as rendered.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryostat_operator.pki import authority
from cryostat_operator.plan.model.desired_state import Plan
from cryostat_operator.plan.model.kinds import KINDS, Key, Obj
from cryostat_operator.plan.model.requests import CertificateRequest, SecretRequest
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.reconcile.secret_values import generate_values
from cryostat_operator.settings import Settings
from tests.cluster.processes import free_ports
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat, find

Data = dict[str, bytes]
WITHOUT_CERT_MANAGER = frozenset(name for name, kind in KINDS.items() if not kind.optional)

IPV6_API_SERVER = "fd00:10:96::1"  # in a cluster with IPv6


def planned(
    spec: Obj | None = None,
    *,
    openshift: bool = False,
    namespace: str = NAMESPACE,
    api_server: str = "10.96.0.1",
    proxy_secrets: bool = False,
) -> Plan:
    """The plan of an instance with certificates of the operator's CA. `api_server` is the address of its Service."""
    settings = Settings(service_tls=True, api_server_service=(api_server, 443), proxy_secrets=proxy_secrets)
    snapshot = Snapshot(apis=WITHOUT_CERT_MANAGER)
    state = ClusterState(cryostat(spec, namespace=namespace), openshift, settings=settings, snapshot=snapshot)
    return state.settle().plan


def secrets(plan: Plan, authority: Data | None = None, existing: Mapping[Key, Data] | None = None) -> dict[Key, Data]:
    """The content of all Secrets that a plan requests. It is generated as by the operator, or with a given CA."""
    made: dict[Key, Data] = dict(existing or {})
    for key, request in plan.requests.items():
        if isinstance(request, SecretRequest) and key not in made:
            made[key] = {name: base64.b64decode(value) for name, value in generate_values(request.values, {}).items()}
    requests = [request for request in plan.requests.values() if isinstance(request, CertificateRequest)]
    for request in sorted(requests, key=lambda request: request.ca is not None):
        given = authority if request.ca is None else None
        made[request.key] = given or certificate(request, made, time.time())
    return made


def authorities(plan: Plan, founded: float, renewed: float) -> tuple[Data, Data]:
    """The CA of a plan before and after its renewal. `founded` and `renewed` are days before now."""
    request = next(o for o in plan.requests.values() if isinstance(o, CertificateRequest) and o.ca is None)
    before = authority.ensure_ca(request, {}, time.time() - founded * 86400)
    return before, authority.ensure_ca(request, before, time.time() - renewed * 86400)


def certificate(request: CertificateRequest, known: Mapping[Key, Data], now: float) -> Data:
    if request.ca is None:
        return authority.ensure_ca(request, {}, now)
    password = known[request.password[0]][request.password[1]] if request.password else None
    return authority.issue_certificate(
        request, authority.CertificateAuthority.from_data(known[request.ca]), password, now
    )


@dataclass
class Container:
    """A container of a planned Deployment that can run on this machine.

    Attributes:
        ports: port in the pod → port on this machine.
        paths: further paths to replace, in addition to those of mounts.
        namespace: the namespace of the instance.
    """

    plan: Plan
    secrets: Mapping[Key, Data]
    deployment: str
    name: str
    root: Path
    paths: dict[str, str] = field(default_factory=dict)
    ports: dict[int, int] = field(default_factory=dict)
    namespace: str = NAMESPACE

    def __post_init__(self) -> None:
        self.pod: Obj = self.template["spec"]
        self.spec: Obj = next(c for c in self.pod["containers"] if c["name"] == self.name)
        mine = [port["containerPort"] for port in self.spec["ports"]]
        wanted = [port for port in mine if port not in self.ports]
        self.ports = {**self.ports, **dict(zip(wanted, free_ports(len(wanted)), strict=True))}
        self.paths = {**self.paths, **{m["mountPath"]: str(self.place(m["mountPath"])) for m in self.mounts}}
        for mount in self.mounts:
            self.fill(mount)

    @property
    def template(self) -> Obj:
        """The template of the pod."""
        template: Obj = find(self.plan, "Deployment", self.deployment, self.namespace)["spec"]["template"]
        return template

    @property
    def mounts(self) -> list[Obj]:
        return list(self.spec.get("volumeMounts", ()))

    @property
    def command(self) -> list[str]:
        return [self.rewritten(part) for part in self.spec.get("command", ())]

    @property
    def arguments(self) -> list[str]:
        return [self.rewritten(part) for part in self.spec.get("args", ())]

    @property
    def environment(self) -> dict[str, str]:
        imported = [e["secretRef"]["name"] for e in self.spec.get("envFrom", ())]
        found = {k: v.decode() for name in imported for k, v in self.secret(name).items()}
        for entry in self.spec.get("env", ()):
            found[entry["name"]] = re.sub(
                r"\$\((\w+)\)", lambda match: found.get(match[1], match[0]), self._value(entry)
            )
        return found

    def _value(self, entry: Obj) -> str:
        """The value of a variable, before references to other variables are replaced."""
        source = entry.get("valueFrom", {})
        if "secretKeyRef" in source:
            reference = source["secretKeyRef"]
            return self.secret(reference["name"])[reference["key"]].decode()
        if "fieldRef" in source:
            annotations = self.template["metadata"]["annotations"]
            return str(annotations[source["fieldRef"]["fieldPath"].split("'")[1]])
        return self.rewritten(entry["value"])

    def place(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def rewritten(self, text: str) -> str:
        """The text with the paths and ports of this machine."""
        # A mount can be below another one. Its path is longer, and is replaced first.
        for path in sorted(self.paths, key=len, reverse=True):
            replacement = self.paths[path].replace("\\", r"\\")
            text = re.sub(rf"(?<![\w.-]){re.escape(path)}(?![\w-])", replacement, text)
        for inside, outside in self.ports.items():
            text = re.sub(rf"(?<!\d){inside}(?!\d)", str(outside), text)
        return text

    def secret(self, name: str) -> Data:
        return self.secrets[next(key for key in self.secrets if key.name == name)]

    def fill(self, mount: Obj) -> None:
        """Write the files of one mount with their modes. Writable volumes are empty at first."""
        volume = next(v for v in self.pod["volumes"] if v["name"] == mount["name"])
        directory = self.place(mount["mountPath"])
        directory.mkdir(parents=True, exist_ok=True)
        source, data = self.source(volume)
        mode = source.get("defaultMode", 0o644)
        items = source.get("items") or [{"key": key, "path": key} for key in data]
        for item in items:
            path = directory / item["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(data[item["key"]])
            path.chmod(item.get("mode", mode))

    def source(self, volume: Obj) -> tuple[Obj, Data]:
        """A volume's source and its content by key."""
        if "secret" in volume:
            return volume["secret"], self.secret(volume["secret"]["secretName"])
        if "configMap" in volume:
            config: Obj = find(self.plan, "ConfigMap", volume["configMap"]["name"], self.namespace)["data"]
            return volume["configMap"], {key: self.rewritten(text).encode() for key, text in config.items()}
        return {"items": []}, {}

    def renewed(self, secret: str) -> Data:
        """Renew a certificate, update its files as the kubelet does, and return the content of the Secret."""
        request = next(
            o for o in self.plan.requests.values() if isinstance(o, CertificateRequest) and o.key.name == secret
        )
        self.secrets = {**self.secrets, request.key: certificate(request, self.secrets, time.time())}
        for mount in self.mounts:
            self.fill(mount)
        return self.secrets[request.key]


def foreign(plan: Plan, secret: str, existing: Mapping[Key, Data] | None = None) -> Data:
    """The content of a Secret with a certificate of another CA with the same name."""
    return next(data for key, data in secrets(plan, None, existing).items() if key.name == secret)
