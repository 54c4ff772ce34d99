"""The objects of a Cryostat as YAML, for people: no cluster is asked, everything that it names is taken to exist."""

from __future__ import annotations

from dataclasses import replace

import yaml

from ..api import constants
from ..api.v1beta2 import Cryostat
from ..settings import Settings
from .assumed import assumed_certificate, assumed_issued
from .instance import Instance
from .model.desired_state import Plan
from .model.kinds import KINDS, Key
from .model.requests import SecretRequest
from .model.snapshot import ContentSummary, NamespaceState, Snapshot
from .planner import plan_for


def manifests(cryostat: Cryostat, settings: Settings, *, openshift: bool) -> str:
    """A stream of YAML documents in plan order."""
    plan = resolved(cryostat, settings, openshift=openshift)
    objects = [obj for part in plan.components for obj in part.objects]
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=120)


def resolved(cryostat: Cryostat, settings: Settings, *, openshift: bool) -> Plan:
    """The plan in a cluster that has all namespaces, Secrets and ConfigMaps that the Cryostat names.

    cert-manager is there where the Cryostat asks for it; all that is ordered or asked of it has been made.
    """
    targets = {*Instance(cryostat, Snapshot(), settings).target_namespaces, cryostat.metadata["namespace"]}
    snapshot = Snapshot(openshift, _apis(cryostat, openshift=openshift), dict.fromkeys(targets, NamespaceState()))
    for _ in range(5):  # what a plan refers to is known once it is drawn
        plan = plan_for(cryostat, snapshot, settings)
        own = {k: o for k, o in plan.requests.items() if k.namespace == cryostat.metadata["namespace"]}
        data = {(r.kind, r.name): ContentSummary(r.keys, "") for r in plan.references}
        data |= {(k.kind, k.name): ContentSummary(o.keys, "") for k, o in own.items()}
        snapshot = _issued(replace(snapshot, data={**snapshot.data, **_united(snapshot, data)}), plan)
    return plan_for(cryostat, snapshot, settings)


def _apis(cryostat: Cryostat, *, openshift: bool) -> frozenset[str]:
    optional = {"Route": openshift, "ConsoleLink": openshift}
    asked = bool(cryostat.spec.enable_cert_manager)
    return frozenset(kind for kind, known in KINDS.items() if optional.get(kind, asked or not known.optional))


def _issued(snapshot: Snapshot, plan: Plan) -> Snapshot:
    """Facts with all certificates that the plan orders, or asks of cert-manager."""
    certificates, live = dict(snapshot.certificates), dict(snapshot.live)
    for key, order in plan.requests.items():
        if not isinstance(order, SecretRequest):
            certificates[key] = assumed_certificate(order, certificates)
    for key, obj in plan.objects.items():
        if key.kind == "Certificate":
            secret = Key("Secret", key.namespace, obj["spec"]["secretName"])
            live[key] = obj | {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            annotations = {constants.ANNOTATION_CERTIFICATE: key.name}
            metadata = {"name": secret.name, "namespace": key.namespace, "annotations": annotations}
            live.setdefault(secret, {"kind": "Secret", "metadata": metadata})
            certificates[secret] = assumed_issued(is_ca=obj["spec"].get("isCA", False))
    pem = next((fact.pem for fact in certificates.values() if fact.is_ca), None)
    return replace(snapshot, certificates=certificates, live=live, ca_certificate=pem)


def _united(snapshot: Snapshot, data: dict[tuple[str, str], ContentSummary]) -> dict[tuple[str, str], ContentSummary]:
    """Facts with all keys that were asked for so far."""
    before = {key: fact.keys for key, fact in snapshot.data.items() if fact}
    return {key: ContentSummary(fact.keys | before.get(key, frozenset()), "") for key, fact in data.items()}


class _Dumper(yaml.SafeDumper):
    """Block style for texts of several lines, and no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
