"""Draws the whole plan of one Cryostat: all components, and what their Deployments wait for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..api.v1beta2 import Cryostat
from ..settings import Settings
from . import volumes
from .components import agent_gateway, auth_proxy, core, database, exposure, policies, rbac, reports, storage, tls
from .instance import Facts, Instance
from .plan import Key, Obj, Part, Plan, Reference, Waiting, key_of
from .references import Ledger, references
from .rollout import in_order

_COMPONENTS = (rbac, tls, auth_proxy, agent_gateway, database, storage, reports, core, exposure, policies)

__all__ = ["plan_for", "references"]


def plan_for(cr: Cryostat, facts: Facts, settings: Settings) -> Plan:
    """The wanted world of a Cryostat; the same input gives the same plan.

    Secrets and ConfigMaps that the plan lacks facts about are in its `references`: look them up and plan again.
    """
    i = Instance(cr, facts, settings)
    parts = tuple(component.part(i) for component in _COMPONENTS)
    needs = _needs(i, parts)
    ledger = _ledger(i, parts)
    return Plan(
        parts=in_order(i, tuple(_settled(part, needs, ledger) for part in parts)),
        references=_merged(reference for found in needs.values() for reference in found),
        notices=(*auth_proxy.notices(i), *volumes.notices(i), *core.notices(i), *exposure.notices(i)),
    )


def _needs(i: Instance, parts: tuple[Part, ...]) -> dict[Key, set[Reference]]:
    """What objects need before they can be written: what pods refer to, and what components know beyond that."""
    found = {
        key_of(obj): references(obj["spec"]["template"]["spec"])
        for part in parts
        for obj in part.objects
        if obj["kind"] == "Deployment"
    }
    found |= tls.needs(i)
    found[Key("Deployment", i.namespace, i.name)] |= auth_proxy.needs(i)
    found[Key("PersistentVolumeClaim", i.namespace, database.name(i))] = database.needs(i)
    return found


def _ledger(i: Instance, parts: tuple[Part, ...]) -> Ledger:
    config_maps = {
        obj["metadata"]["name"]: obj.get("data") or {}
        for part in parts
        for obj in part.objects
        if obj["kind"] == "ConfigMap" and obj["metadata"].get("namespace") == i.namespace
    }
    minted = {order.key.name for part in parts for order in part.orders}
    held = {waiting.key: waiting.problem for part in parts for waiting in part.waiting}
    return Ledger(i, config_maps, minted, held)


def _settled(part: Part, needs: Mapping[Key, set[Reference]], ledger: Ledger) -> Part:
    """The part with its objects either complete or held back."""
    objects, waiting = [], list(part.waiting)
    for obj in part.objects:
        key = key_of(obj)
        problem = ledger.problem(part.name, f"{key.kind} {key.name}", needs.get(key, ()))
        if problem:
            waiting.append(Waiting(key, problem))
        elif key.kind == "Deployment":
            objects.append(_hashed(obj, ledger.hashes(needs[key], tls.reloaded(ledger.i, key.name))))
        else:
            objects.append(obj)
    return replace(part, objects=tuple(objects), waiting=tuple(waiting))


def _hashed(deployment: Obj, hashes: Mapping[str, str]) -> Obj:
    """The Deployment with annotations that make its pods anew when what they refer to changes."""
    template = deployment["spec"]["template"]
    annotations = {**(template["metadata"].get("annotations") or {}), **hashes}
    metadata = {**template["metadata"], "annotations": annotations}
    return {**deployment, "spec": {**deployment["spec"], "template": {**template, "metadata": metadata}}}


def _merged(found: Iterator[Reference]) -> tuple[Reference, ...]:
    """One reference per object, sorted."""
    result: dict[tuple[str, str], Reference] = {}
    for reference in found:
        known = result.setdefault((reference.kind, reference.name), reference)
        result[reference.kind, reference.name] = replace(
            known, keys=known.keys | reference.keys, optional=known.optional and reference.optional
        )
    return tuple(result[name] for name in sorted(result))
