"""Computes the desired state of one Cryostat from all components.

`build` computes all objects and finds the Secrets and ConfigMaps that they need. The caller reads these. `complete`
then decides with their content which objects can be written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType

from ..api import constants
from ..api.v1beta2 import Cryostat
from ..settings import Settings
from . import database_keys, upgrades
from .components import (
    agent_gateway,
    auth_proxy,
    backup,
    core,
    database,
    exposure,
    network_policies,
    rbac,
    reports,
    storage,
)
from .deleted_claims import hold_for_deleted_claims
from .diff.data_records import with_data_records
from .diff.rollout import hold_for_rollout, shared_secrets
from .hibernation import hibernate
from .instance import Instance
from .model.certificates import KEYSTORE_PASSWORD
from .model.desired_state import Blocked, ComponentPlan, ContentUse, Plan, Reference
from .model.kinds import Key, Obj, key_of
from .model.requests import Request, SecretRequest
from .model.snapshot import ContentSummary, ReferenceData, Snapshot
from .pod_references import pod_references
from .references import Requirements
from .tls import component as tls
from .tls import specs

# Objects, problems and events have this order.
_COMPONENTS = (
    rbac,
    tls,
    auth_proxy,
    agent_gateway,
    database,
    storage,
    reports,
    core,
    exposure,
    network_policies,
    backup,
)


@dataclass(frozen=True)
class Desired:
    """The desired state of a Cryostat before the content of Secrets and ConfigMaps is known.

    Attributes:
        instance: the Cryostat and its snapshot, with assumed content.
        components: what each component builds, in the order of objects, problems and events.
        needs: the Secrets and ConfigMaps that objects need, by object.
    """

    instance: Instance
    components: tuple[ComponentPlan, ...]
    needs: Mapping[Key, frozenset[Reference]]

    @cached_property
    def objects(self) -> dict[Key, Obj]:
        """Desired objects of all components."""
        return {key_of(obj): obj for component in self.components for obj in component.objects}

    @cached_property
    def requests(self) -> dict[Key, Request]:
        """Content to provide for owned Secrets, by Secret."""
        return {request.key: request for component in self.components for request in component.requests}

    @cached_property
    def references(self) -> tuple[Reference, ...]:
        """Secrets and ConfigMaps that any object needs, each once, sorted."""
        return _merged(reference for found in self.needs.values() for reference in found)


def build(cryostat: Cryostat, snapshot: Snapshot, settings: Settings) -> Desired:
    """Return the desired state. The same input gives the same result; `snapshot.data` is not used."""
    instance = Instance(cryostat, snapshot, settings)
    instance = _with_content(instance, _assumed_content(instance))
    components = tuple(component.build(instance) for component in _COMPONENTS)
    return Desired(instance, components, _needs(components))


def complete(desired: Desired, data: ReferenceData) -> Plan:
    """Return the plan: objects that can be written with this content of Secrets and ConfigMaps; others are blocked.

    Objects are blocked as `ReferencePending` while `data` has no entry for something that they need.

    Args:
        data: content summaries by kind and name, None for what does not exist; see `Snapshot.data`.
    """
    instance = _with_content(desired.instance, data)
    components = tuple(
        _built_again(component, built, instance)
        for component, built in zip(_COMPONENTS, desired.components, strict=True)
    )
    requirements = _requirements(instance, components, desired.needs)
    completed = tuple(_complete(component, desired.needs, requirements) for component in components)
    completed = upgrades.hold(instance, completed)
    completed = hibernate(instance, completed, components)
    # `hold_for_rollout` comes first: it must see the Deployments of database and storage that the second one takes out.
    # Otherwise the application would restart with Secrets that these do not use yet.
    completed = hold_for_deleted_claims(instance, hold_for_rollout(instance, completed))
    return Plan(
        components=with_data_records(instance, completed),
        references=desired.references,
        incomplete_secrets=_incomplete_secrets(components, data),
        data=data,
    )


def _with_content(instance: Instance, data: ReferenceData) -> Instance:
    return replace(instance, snapshot=replace(instance.snapshot, data=data))


def _built_again(component: ModuleType, built: ComponentPlan, instance: Instance) -> ComponentPlan:
    """Return a component, in which the parts that depend on the content of Secrets are built with this content."""
    match built.content_use:
        case ContentUse.NOTHING:
            return built
        case ContentUse.WARNINGS:
            return replace(built, warnings=component.warnings(instance))
        case ContentUse.EVERYTHING:
            again: ComponentPlan = component.build(instance)
            return again


def _assumed_content(instance: Instance) -> ReferenceData:
    """Content of generated Secrets that other objects depend on. `build` assumes that they exist."""
    password = ContentSummary(frozenset({KEYSTORE_PASSWORD}), "")
    keys = ContentSummary(frozenset(database_keys.KEYS), "")
    return {("Secret", specs.keystore_secret(instance)): password, ("Secret", instance.generated_database_secret): keys}


def _incomplete_secrets(components: Iterable[ComponentPlan], data: ReferenceData) -> frozenset[Key]:
    """Existing Secrets that lack generated keys."""
    found = set()
    for component in components:
        for request in component.requests:
            content = data.get((request.key.kind, request.key.name))
            if isinstance(request, SecretRequest) and content and content.missing(request.keys):
                found.add(request.key)
    return frozenset(found)


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


def _requirements(
    instance: Instance, components: Iterable[ComponentPlan], needs: Mapping[Key, frozenset[Reference]]
) -> Requirements:
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
    return Requirements(instance, config_maps, requested, blocked, hot_reloaded, needs)


def _complete(
    component: ComponentPlan, needs: Mapping[Key, frozenset[Reference]], requirements: Requirements
) -> ComponentPlan:
    """The component with each object either complete or blocked."""
    objects, blocked = [], list(component.blocked)
    for obj in component.objects:
        key = key_of(obj)
        problem = requirements.blocked_by(key)
        if problem:
            blocked.append(Blocked(key, problem))
        elif key.kind == "Deployment":
            hashes = requirements.content_hashes(key, needs[key])
            restarted = _with_annotations(obj, hashes | requirements.login_hash(key))
            shared = shared_secrets(key, needs)
            if shared:
                hashes = requirements.content_hashes(key, shared)
                added = {constants.ANNOTATION_SHARED_SECRET_HASH: hashes[constants.ANNOTATION_SECRET_HASH]}
                annotations = {**(restarted["metadata"].get("annotations") or {}), **added}
                restarted = {**restarted, "metadata": {**restarted["metadata"], "annotations": annotations}}
            objects.append(restarted)
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
