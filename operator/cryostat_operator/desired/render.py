"""The objects of a Cryostat as YAML, for people: no cluster is asked, everything that it names is taken to exist."""

from __future__ import annotations

import yaml

from ..api.v1beta2 import Cryostat
from ..settings import Settings
from .instance import DataFact, Facts, Instance, NamespaceFact
from .plan import Plan
from .planner import plan_for


def manifests(cr: Cryostat, settings: Settings, *, openshift: bool) -> str:
    """A stream of YAML documents in plan order."""
    plan = resolved(cr, settings, openshift=openshift)
    objects = [obj for part in plan.parts for obj in part.objects]
    return yaml.dump_all(objects, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=120)


def resolved(cr: Cryostat, settings: Settings, *, openshift: bool) -> Plan:
    """The plan in a cluster that has all namespaces, Secrets and ConfigMaps that the Cryostat names."""
    targets = {*Instance(cr, Facts(), settings).target_namespaces, cr.metadata["namespace"]}
    apis: frozenset[str] | None = None if openshift else frozenset()
    facts = Facts(openshift=openshift, apis=apis, namespaces=dict.fromkeys(targets, NamespaceFact()))
    for _ in range(3):  # what a plan refers to is known once it is drawn
        plan = plan_for(cr, facts, settings)
        data = {(r.kind, r.name): DataFact(r.keys, "") for r in plan.references}
        data |= {(k.kind, k.name): DataFact(frozenset(o.values), "") for k, o in plan.orders.items()}
        facts = Facts(openshift, apis, facts.namespaces, {**facts.data, **_united(facts, data)})
    return plan_for(cr, facts, settings)


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
