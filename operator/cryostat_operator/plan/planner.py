"""Draws the whole plan of one Cryostat: all components, and what their Deployments wait for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..api.v1beta2 import Cryostat
from ..settings import Settings
from . import claims
from .components import agent_gateway, auth_proxy, core, database, exposure, network_policies, rbac, reports, storage
from .diff.rollout import in_order
from .instance import Instance
from .model.desired_state import Blocked, ComponentPlan, Plan, Reference
from .model.kinds import Key, Obj, key_of
from .model.snapshot import Snapshot
from .references import Requirements, references
from .tls import component

_COMPONENTS = (rbac, component, auth_proxy, agent_gateway, database, storage, reports, core, exposure, network_policies)

__all__ = ["plan_for", "references"]


def plan_for(cryostat: Cryostat, snapshot: Snapshot, settings: Settings) -> Plan:
    """The wanted world of a Cryostat; the same input gives the same plan.

    Secrets and ConfigMaps that the plan lacks facts about are in its `references`: look them up and plan again.
    """
    instance = Instance(cryostat, snapshot, settings)
    parts = tuple(component.build(instance) for component in _COMPONENTS)
    needs = _needs(instance, parts)
    ledger = _ledger(instance, parts)
    return Plan(
        components=in_order(instance, tuple(_settled(part, needs, ledger) for part in parts)),
        references=_merged(reference for found in needs.values() for reference in found),
        warnings=(
            *auth_proxy.warnings(instance),
            *claims.warnings(instance),
            *core.warnings(instance),
            *exposure.warnings(instance),
        ),
    )


def _needs(instance: Instance, parts: tuple[ComponentPlan, ...]) -> dict[Key, set[Reference]]:
    """What objects need before they can be written: what pods refer to, and what components know beyond that."""
    found = {
        key_of(obj): references(obj["spec"]["template"]["spec"])
        for part in parts
        for obj in part.objects
        if obj["kind"] == "Deployment"
    }
    found |= component.needs(instance)
    found[Key("Deployment", instance.namespace, instance.name)] |= auth_proxy.needs(instance)
    found[Key("PersistentVolumeClaim", instance.namespace, database.name(instance))] = database.needs(instance)
    return found


def _ledger(instance: Instance, parts: tuple[ComponentPlan, ...]) -> Requirements:
    config_maps = {
        obj["metadata"]["name"]: obj.get("data") or {}
        for part in parts
        for obj in part.objects
        if obj["kind"] == "ConfigMap" and obj["metadata"].get("namespace") == instance.namespace
    }
    minted = {order.key.name for part in parts for order in part.requests}
    held = {blocked.key: blocked.problem for part in parts for blocked in part.blocked}
    return Requirements(instance, config_maps, minted, held)


def _settled(part: ComponentPlan, needs: Mapping[Key, set[Reference]], ledger: Requirements) -> ComponentPlan:
    """The part with its objects either complete or held back."""
    objects, blocked = [], list(part.blocked)
    for obj in part.objects:
        key = key_of(obj)
        problem = ledger.problem(part.name, f"{key.kind} {key.name}", needs.get(key, ()))
        if problem:
            blocked.append(Blocked(key, problem))
        elif key.kind == "Deployment":
            objects.append(_hashed(obj, ledger.hashes(needs[key], component.reloaded(ledger.instance, key.name))))
        else:
            objects.append(obj)
    return replace(part, objects=tuple(objects), blocked=tuple(blocked))


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
