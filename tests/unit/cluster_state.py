"""A simulated cluster state for plans: one Cryostat, a snapshot, and the snapshot after the plan was applied."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.plan.assumed import assumed_certificate
from cryostat_operator.plan.database_keys import fingerprints
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.certificates import CertificateInfo
from cryostat_operator.plan.model.desired_state import Plan
from cryostat_operator.plan.model.kinds import Key, Obj, key_of
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.requests import CertificateRequest, SecretRequest, ValueSource
from cryostat_operator.plan.model.snapshot import ContentSummary, NamespaceState, Snapshot
from cryostat_operator.plan.planner import Desired, build, complete
from cryostat_operator.settings import Settings

NAME, NAMESPACE = "sample", "here"
API_SERVER = ("10.0.0.1",)
API_SERVER_PORTS = (6443,)


def cryostat(spec: Mapping[str, Any] | None = None, **metadata: Any) -> Cryostat:
    """A Cryostat `here/sample` as the API server returns it."""
    own = {"name": NAME, "namespace": NAMESPACE, "uid": "11111111-2222-3333-4444-555555555555", "generation": 1}
    return Cryostat.model_validate({"metadata": own | metadata, "spec": dict(spec or {})})


def plan_for(cryostat: Cryostat, snapshot: Snapshot, settings: Settings) -> Plan:
    """The plan with the content of Secrets and ConfigMaps from the snapshot."""
    desired = build(cryostat, snapshot, settings)
    return complete(desired, snapshot.data)


@dataclass
class ClusterState:
    """A snapshot that tests change, and its plan."""

    cryostat: Cryostat
    openshift: bool = False
    settings: Settings = field(default_factory=lambda: Settings(service_tls=False))
    snapshot: Snapshot = field(default_factory=Snapshot)

    def __post_init__(self) -> None:
        here = {
            self.cryostat.metadata["namespace"],
            *Instance(self.cryostat, Snapshot(), self.settings).target_namespaces,
        }
        known = {**dict.fromkeys(sorted(here), NamespaceState()), **self.snapshot.namespaces}
        self.snapshot = replace(
            self.snapshot,
            openshift=self.openshift,
            namespaces=known,
            api_server=API_SERVER,
            api_server_ports=API_SERVER_PORTS,
        )

    @property
    def plan(self) -> Plan:
        return plan_for(self.cryostat, self.snapshot, self.settings)

    @property
    def desired(self) -> Desired:
        return build(self.cryostat, self.snapshot, self.settings)

    @property
    def instance(self) -> Instance:
        return Instance(self.cryostat, self.snapshot, self.settings)

    def with_data(self, kind: str, name: str, *keys: str, digest: str = "d", **values: str) -> ClusterState:
        """The same state with a Secret or ConfigMap, with keys of unknown or given values."""
        content = ContentSummary(frozenset(keys) | frozenset(values), digest, fingerprints=fingerprints(values))
        self.snapshot = replace(self.snapshot, data={**self.snapshot.data, (kind, name): content})
        return self

    def without_data(self, kind: str, name: str) -> ClusterState:
        """The same state, in which a Secret or ConfigMap is known not to exist."""
        self.snapshot = replace(self.snapshot, data={**self.snapshot.data, (kind, name): None})
        return self

    def with_live(self, *objects: Obj) -> ClusterState:
        """The same state with owned objects."""
        self.snapshot = replace(self.snapshot, live={**self.snapshot.live, **{key_of(obj): obj for obj in objects}})
        return self

    def without_deployments(self) -> ClusterState:
        """The same state without Deployments, so that no restart is delayed."""
        live = {key: obj for key, obj in self.snapshot.live.items() if key.kind != "Deployment"}
        self.snapshot = replace(self.snapshot, live=live)
        return self

    def with_spec(self, spec: Mapping[str, Any], **metadata: Any) -> ClusterState:
        """The same state after a change of the Cryostat."""
        self.cryostat = Cryostat.model_validate(
            {
                "metadata": {**self.cryostat.metadata, **metadata},
                "spec": dict(spec),
                "status": self.cryostat.status.model_dump(by_alias=True) if self.cryostat.status else {},
            }
        )
        self.__post_init__()
        return self

    def settle(self, *, provided: bool = True) -> ClusterState:
        """The state after all planned objects were written and have a status.

        Requested Secrets are generated, Routes are admitted; with `provided`, all other references exist.
        """
        for _ in range(6):
            before = self.snapshot
            self._step(provided)
            if self.snapshot == before:
                return self
        raise AssertionError("the plan does not settle")

    def _step(self, provided: bool) -> None:
        plan = self.plan
        for key, requested in plan.requests.items():
            if not isinstance(requested, SecretRequest):
                self.with_certificates({key: assumed_certificate(requested, self.snapshot.certificates)})
            if key.namespace == self.cryostat.metadata["namespace"]:
                self.with_data(key.kind, key.name, *requested.keys)
        for reference in plan.references:
            known = self.snapshot.data.get((reference.kind, reference.name))
            if known is None and provided:
                self.with_data(reference.kind, reference.name, *reference.keys)
            elif (reference.kind, reference.name) not in self.snapshot.data:
                self.without_data(reference.kind, reference.name)
        planned = {obj["metadata"]["name"] for obj in plan.objects.values() if obj["kind"] == "ConfigMap"}
        data = {key: fact for key, fact in self.snapshot.data.items() if key[0] != "ConfigMap" or key[1] not in planned}
        self.snapshot = replace(self.snapshot, data=data, live=dict(self.snapshot.live))
        self.with_live(*(_admitted(obj) for obj in copy.deepcopy(list(plan.objects.values()))))
        for certificate in [obj for key, obj in self.snapshot.live.items() if key.kind == "Certificate"]:
            self._issue(certificate)

    def _issue(self, certificate: Obj) -> None:
        """A Certificate and its Secret as cert-manager writes them."""
        namespace, spec = certificate["metadata"]["namespace"], certificate["spec"]
        certificate["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
        key = Key("Secret", namespace, spec["secretName"])
        metadata = {"name": key.name, "namespace": namespace, "labels": spec["secretTemplate"]["labels"]}
        secret: Obj = self.snapshot.live.get(key, {"kind": "Secret", "metadata": metadata})
        annotations = {"cert-manager.io/certificate-name": certificate["metadata"]["name"]}
        self.with_live({**secret, "metadata": {**secret["metadata"], "annotations": annotations}})
        authority = spec.get("isCA", False)
        stores = ("keystore.p12", "truststore.p12") if "keystores" in spec else ()
        keys = ("tls.crt", "tls.key", "ca.crt", *stores)
        digests = {"tls.crt": key.name, "ca.crt": "the authority"}
        identity = "the authority" if authority else key.name
        fact = CertificateInfo(frozenset(keys), digests, is_ca=authority, pem="PEM" if authority else "")
        self.with_certificates({key: replace(fact, key_id=identity, issuer_id="the authority")})
        self.with_data("Secret", key.name, *keys)

    def with_certificates(self, found: Mapping[Key, CertificateInfo]) -> ClusterState:
        """The same state with certificates in generated Secrets."""
        certificates = {**self.snapshot.certificates, **found}
        pem = next((fact.pem for fact in certificates.values() if fact.is_ca), None)
        self.snapshot = replace(
            self.snapshot, certificates=certificates, ca_certificate=pem or self.snapshot.ca_certificate
        )
        return self


def _admitted(obj: Obj) -> Obj:
    """The object with the status that a router or a volume controller writes. Other objects are returned unchanged."""
    if obj["kind"] == "Route":
        metadata = obj["metadata"]
        host = obj["spec"].setdefault("host", f"{metadata['name']}-{metadata['namespace']}.apps.example.com")
        condition = {"type": "Admitted", "status": "True"}
        obj["status"] = {"ingress": [{"host": host, "routerName": "default", "conditions": [condition]}]}
    if obj["kind"] == "PersistentVolumeClaim":
        obj["status"] = {"phase": "Bound"}
    return obj


def settled(spec: Mapping[str, Any] | None = None, *, openshift: bool = False, **metadata: Any) -> ClusterState:
    return ClusterState(cryostat(spec, **metadata), openshift=openshift).settle()


def find(plan: Plan, kind: str, name: str, namespace: str = NAMESPACE) -> Obj:
    """A planned object.

    Raises:
        KeyError: it is not planned.
    """
    return plan.objects[Key(kind, namespace, name)]


def requested_values(plan: Plan, key: Key) -> Mapping[str, ValueSource]:
    """The values that the plan requests for a Secret. Raises AssertionError if it requests a certificate instead."""
    request = plan.requests[key]
    assert not isinstance(request, CertificateRequest)
    return request.values


def names_of(plan: Plan, kind: str) -> set[str]:
    return {key.name for key in plan.objects if key.kind == kind}


def container(plan: Plan, deployment: str, name: str) -> Obj:
    """A container of a planned Deployment."""
    pod = find(plan, "Deployment", deployment)["spec"]["template"]["spec"]
    return next(c for c in pod["containers"] if c["name"] == name)


def environment(plan: Plan, deployment: str = NAME, name: str = NAME) -> dict[str, Any]:
    """The variables of a container: the value, `secret/key` for a value of a Secret, or the path of a field."""
    result: dict[str, Any] = {}
    for entry in container(plan, deployment, name).get("env", []):
        assert entry["name"] not in result, f"{entry['name']} twice"
        source = entry.get("valueFrom", {})
        if "fieldRef" in source:
            result[entry["name"]] = source["fieldRef"]["fieldPath"]
            continue
        secret = source.get("secretKeyRef")
        result[entry["name"]] = f"{secret['name']}/{secret['key']}" if secret else entry["value"]
    return result


def volumes(plan: Plan, deployment: str = NAME) -> dict[str, Obj]:
    pod = find(plan, "Deployment", deployment)["spec"]["template"]["spec"]
    return {v["name"]: {k: x for k, x in v.items() if k != "name"} for v in pod.get("volumes", [])}


def mounts(plan: Plan, deployment: str = NAME, name: str = NAME) -> dict[str, Obj]:
    """The mounts of a container by path."""
    return {m["mountPath"]: m for m in container(plan, deployment, name).get("volumeMounts", [])}


def reasons(found: Iterable[Problem]) -> set[str]:
    return {problem.reason for problem in found}


def _flat(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            label = inner.get("name", index) if isinstance(inner, dict) else index
            yield from _flat(inner, f"{path}[{label}]")
    else:
        yield path, value


def paths(plan: Plan) -> dict[str, Any]:
    """Every value of every planned object by `Kind/name.path`, without content hashes."""
    found = {p: v for key, obj in plan.objects.items() for p, v in _flat(obj, f"{key.kind}/{key.name}")}
    return {path: value for path, value in found.items() if not path.endswith("-hash")}


def changes(before: Plan, after: Plan) -> dict[str, Any]:
    """The differences between two plans: by path, the new value, or None if it was removed."""
    a, b = paths(before), paths(after)
    return {path: b.get(path) for path in sorted({*a, *b}) if a.get(path, ...) != b.get(path, ...)}
