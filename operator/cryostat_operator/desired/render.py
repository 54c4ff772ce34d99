"""The objects of a Cryostat as YAML, for people: no cluster is asked, everything that it names is taken to exist."""

from __future__ import annotations

from dataclasses import replace

import yaml

from ..api.v1beta2 import Cryostat
from ..settings import Settings
from . import names
from .certificates import as_ordered, issued
from .instance import DataFact, Facts, Instance, NamespaceFact
from .plan import KINDS, Key, Plan, SecretOrder
from .planner import plan_for


def manifests(cr: Cryostat, settings: Settings, *, openshift: bool) -> str:
    """A stream of YAML documents in plan order."""
    plan = resolved(cr, settings, openshift=openshift)
    objects = [obj for part in plan.parts for obj in part.objects]
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=120)


def resolved(cr: Cryostat, settings: Settings, *, openshift: bool) -> Plan:
    """The plan in a cluster that has all namespaces, Secrets and ConfigMaps that the Cryostat names.

    cert-manager is there where the Cryostat asks for it; all that is ordered or asked of it has been made.
    """
    targets = {*Instance(cr, Facts(), settings).target_namespaces, cr.metadata["namespace"]}
    facts = Facts(openshift, _apis(cr, openshift=openshift), dict.fromkeys(targets, NamespaceFact()))
    for _ in range(5):  # what a plan refers to is known once it is drawn
        plan = plan_for(cr, facts, settings)
        own = {k: o for k, o in plan.orders.items() if k.namespace == cr.metadata["namespace"]}
        data = {(r.kind, r.name): DataFact(r.keys, "") for r in plan.references}
        data |= {(k.kind, k.name): DataFact(o.keys, "") for k, o in own.items()}
        facts = _issued(replace(facts, data={**facts.data, **_united(facts, data)}), plan)
    return plan_for(cr, facts, settings)


def _apis(cr: Cryostat, *, openshift: bool) -> frozenset[str]:
    optional = {"Route": openshift, "ConsoleLink": openshift}
    asked = bool(cr.spec.enable_cert_manager)
    return frozenset(kind for kind, known in KINDS.items() if optional.get(kind, asked or not known.optional))


def _issued(facts: Facts, plan: Plan) -> Facts:
    """Facts with all certificates that the plan orders, or asks of cert-manager."""
    certificates, live = dict(facts.certificates), dict(facts.live)
    for key, order in plan.orders.items():
        if not isinstance(order, SecretOrder):
            certificates[key] = as_ordered(order, certificates)
    for key, obj in plan.objects.items():
        if key.kind == "Certificate":
            secret = Key("Secret", key.namespace, obj["spec"]["secretName"])
            live[key] = obj | {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
            annotations = {names.ANNOTATION_CERTIFICATE: key.name}
            metadata = {"name": secret.name, "namespace": key.namespace, "annotations": annotations}
            live.setdefault(secret, {"kind": "Secret", "metadata": metadata})
            certificates[secret] = issued(authority=obj["spec"].get("isCA", False))
    pem = next((fact.pem for fact in certificates.values() if fact.authority), None)
    return replace(facts, certificates=certificates, live=live, ca_certificate=pem)


def _united(facts: Facts, data: dict[tuple[str, str], DataFact]) -> dict[tuple[str, str], DataFact]:
    """Facts with all keys that were asked for so far."""
    before = {key: fact.keys for key, fact in facts.data.items() if fact}
    return {key: DataFact(fact.keys | before.get(key, frozenset()), "") for key, fact in data.items()}


class _Dumper(yaml.SafeDumper):
    """Block style for texts of several lines, and no aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)
