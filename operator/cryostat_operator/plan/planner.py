"""Computes the desired state of one Cryostat from all components."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ..api.v1beta2 import Cryostat
from ..settings import Settings
from .components import agent_gateway, auth_proxy, core, database, exposure, network_policies, rbac, reports, storage
from .diff.rollout import in_order
from .instance import Instance
from .model.desired_state import Blocked, ComponentPlan, Plan, Reference
from .model.kinds import Key, Obj, key_of
from .model.snapshot import Snapshot
from .references import Requirements, pod_references
from .tls import component as tls

# The order fixes the order of objects, problems and events.
_COMPONENTS = (rbac, tls, auth_proxy, agent_gateway, database, storage, reports, core, exposure, network_policies)


def plan_for(cryostat: Cryostat, snapshot: Snapshot, settings: Settings) -> Plan:
    """The desired state of a Cryostat. The same input gives the same plan.

    Objects that need Secrets or ConfigMaps of which `snapshot.data` says nothing are blocked (`ReferencePending`).
    All that the plan needs is in its `references`: resolve these and plan again.
    """
    instance = Instance(cryostat, snapshot, settings)
    components = tuple(component.build(instance) for component in _COMPONENTS)
    needs = _needs(components)
    requirements = _requirements(instance, components)
    completed = tuple(_complete(component, needs, requirements) for component in components)
    return Plan(
        components=in_order(instance, completed),
        references=_merged(reference for found in needs.values() for reference in found),
    )


def _needs(components: Iterable[ComponentPlan]) -> dict[Key, frozenset[Reference]]:
    """Secrets and ConfigMaps by the object that needs them: references of pods, and `needs` of components."""
    found: dict[Key, frozenset[Reference]] = {}
    for component in components:
        for obj in component.objects:
            if obj["kind"] == "Deployment":
                pod = obj["spec"]["template"]["spec"]
                found[key_of(obj)] = frozenset(pod_references(pod))
    for component in components:
        for key, needs in component.needs.items():
            found[key] = found.get(key, frozenset()) | needs
    return found


def _requirements(instance: Instance, components: Iterable[ComponentPlan]) -> Requirements:
    config_maps: dict[str, Mapping[str, str]] = {}
    requested: set[str] = set()
    blocked: dict[Key, Blocked] = {}
    hot_reloaded: dict[str, frozenset[str]] = {}
    for component in components:
        for obj in component.objects:
            if obj["kind"] == "ConfigMap" and obj["metadata"].get("namespace") == instance.namespace:
                config_maps[obj["metadata"]["name"]] = obj.get("data") or {}
        requested |= {request.key.name for request in component.requests}
        blocked |= {entry.key: entry for entry in component.blocked}
        hot_reloaded |= component.hot_reloaded
    return Requirements(instance, config_maps, requested, blocked, hot_reloaded)


def _complete(
    component: ComponentPlan, needs: Mapping[Key, frozenset[Reference]], requirements: Requirements
) -> ComponentPlan:
    """The component with each object either complete or blocked."""
    objects, blocked = [], list(component.blocked)
    for obj in component.objects:
        key = key_of(obj)
        problem = requirements.blocked_by(component.name, key, needs.get(key, frozenset()))
        if problem:
            blocked.append(Blocked(key, problem))
        elif key.kind == "Deployment":
            hashes = requirements.content_hashes(key, needs[key])
            objects.append(_with_annotations(obj, hashes))
        else:
            objects.append(obj)
    return replace(component, objects=tuple(objects), blocked=tuple(blocked))


def _with_annotations(deployment: Obj, added: Mapping[str, str]) -> Obj:
    """The Deployment with more annotations on its pods."""
    template = deployment["spec"]["template"]
    annotations = {**(template["metadata"].get("annotations") or {}), **added}
    metadata = {**template["metadata"], "annotations": annotations}
    return {**deployment, "spec": {**deployment["spec"], "template": {**template, "metadata": metadata}}}


def _merged(found: Iterable[Reference]) -> tuple[Reference, ...]:
    """One reference per Secret or ConfigMap, sorted; optional only if all references to it are."""
    result: dict[tuple[str, str], Reference] = {}
    for reference in found:
        before = result.setdefault((reference.kind, reference.name), reference)
        result[reference.kind, reference.name] = replace(
            before, keys=before.keys | reference.keys, optional=before.optional and reference.optional
        )
    return tuple(result[name] for name in sorted(result))
