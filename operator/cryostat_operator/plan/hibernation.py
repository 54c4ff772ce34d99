"""Hibernation: every Deployment of an instance is scaled to 0, on request by annotation. All other objects stay.

The application and the report generators stop first, because they use database and storage until their pods end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ..api import constants
from . import workloads
from .components import database, reports, storage
from .instance import Instance
from .model.condition import Condition, condition
from .model.desired_state import ComponentPlan
from .model.kinds import Key, Obj, key_of
from .model.messages import message
from .model.reasons import Reason

# Component labels: the Deployments of `_FIRST` stop first, then those of `_LAST`.
_FIRST = (workloads.CORE, reports.NAME)
_LAST = (database.NAME, storage.NAME)
_LONGEST_VALUE = 40  # characters of a wrong value that a message quotes
_USER_FIELDS = ("labels", "annotations")


def hibernate(
    instance: Instance, components: tuple[ComponentPlan, ...], built: tuple[ComponentPlan, ...]
) -> tuple[ComponentPlan, ...]:
    """Return the plan, with 0 replicas in all Deployments if the Cryostat requests hibernation.

    A Deployment that is blocked, for example by a missing Secret, is scaled to 0, too. Its pod template is not changed.

    Args:
        components: the components of the plan, in which objects may be blocked.
        built: the same components before objects were blocked.
    """
    if not instance.hibernation_requested:
        return components
    first_stopped = all(_is_stopped(instance, component) for component in _FIRST)
    keep = frozenset() if first_stopped else frozenset(workloads.deployment_name(instance, each) for each in _LAST)
    result = []
    for component, whole in zip(components, built, strict=True):
        objects = (*component.objects, *_blocked(instance, component, whole))
        result.append(replace(component, objects=tuple(_scaled(instance, obj, keep) for obj in objects)))
    return tuple(result)


def running(instance: Instance) -> list[str]:
    """Return the names of the Deployments that are not scaled to 0, or have pods that have not ended."""
    return [
        workloads.deployment_name(instance, component)
        for component in (*_FIRST, *_LAST)
        if not _is_stopped(instance, component)
    ]


def invalid_value(instance: Instance) -> str:
    """Return why the annotation has no effect; empty if it is valid or not set."""
    value = instance.annotations.get(constants.ANNOTATION_HIBERNATION)
    if value is None or value in constants.HIBERNATION_VALUES:
        return ""
    return message(
        f"The annotation {constants.ANNOTATION_HIBERNATION} of Cryostat {instance.namespace}/{instance.name}",
        f'has the value "{value[:_LONGEST_VALUE]}", which has no effect',
        remedy='Use "on" or "off"',
    )


def is_hibernated(instance: Instance) -> bool:
    """Return whether hibernation is requested, and no pod of the instance is left."""
    return instance.hibernation_requested and not running(instance)


def cause(instance: Instance) -> tuple[Reason, str]:
    """Return reason and message of the conditions while hibernation is requested."""
    annotation = f'the annotation {constants.ANNOTATION_HIBERNATION}: "on" is set'
    names = running(instance)
    if not names:
        text = (
            f"Every Deployment is scaled to 0, because {annotation}; data, Secrets and addresses are kept. "
            'Remove the annotation, or set it to "off", to start the instance again.'
        )
        return Reason.HIBERNATED, text
    many = len(names) > 1
    text = (
        f"Hibernation is in progress, because {annotation}. "
        f"Deployment{'s' * many} {', '.join(names)} {'have' if many else 'has'} not stopped yet; "
        "database and storage stop last."
    )
    return Reason.HIBERNATING, text


def hibernation(instance: Instance, *, paused: bool) -> Condition | None:
    """Return the condition `Hibernation`; None if the annotation is absent or "off".

    Args:
        paused: whether the Cryostat is paused, so that the operator scales no Deployment.
    """
    kind = "Hibernation"
    invalid = invalid_value(instance)
    if invalid:
        return condition(kind, Reason.HIBERNATION_INVALID, invalid, good=False)
    if not instance.hibernation_requested:
        return None
    reason, text = cause(instance)
    if reason == Reason.HIBERNATING and paused:
        text = f"No Deployment is scaled to 0 while the annotation {constants.ANNOTATION_PAUSE} is set."
        return condition(kind, Reason.PAUSED, text, good=False)
    return condition(kind, reason, text, good=reason == Reason.HIBERNATED)


def _is_stopped(instance: Instance, component: str) -> bool:
    live = instance.live("Deployment", workloads.deployment_name(instance, component))
    if live is None:
        return True
    replicas = (live.get("status") or {}).get("replicas") or 0
    return _replicas(live) == 0 and not replicas and component not in instance.snapshot.stopping


def _replicas(deployment: Obj) -> int:
    return int((deployment.get("spec") or {}).get("replicas", 1))


def _scaled(instance: Instance, obj: Obj, keep: frozenset[str]) -> Obj:
    """The object; if it is a Deployment, with 0 replicas, or with its live replicas if its name is in `keep`."""
    if obj["kind"] != "Deployment":
        return obj
    name = obj["metadata"]["name"]
    live = instance.live("Deployment", name)
    replicas = min(_replicas(live), _replicas(obj)) if live and name in keep else 0
    return {**obj, "spec": {**obj["spec"], "replicas": replicas}}


def _blocked(instance: Instance, component: ComponentPlan, built: ComponentPlan) -> Iterator[Obj]:
    """The existing Deployments among the blocked objects of a component, with their live pod templates and metadata."""
    objects: Mapping[Key, Obj] = {key_of(obj): obj for obj in built.objects}
    for key in (entry.key for entry in component.blocked):
        live = instance.live(key.kind, key.name) if key.kind == "Deployment" and key in objects else None
        if live is not None:
            own = objects[key]
            metadata = {**own["metadata"], **{field: live["metadata"].get(field) or {} for field in _USER_FIELDS}}
            yield {**own, "metadata": metadata, "spec": {**own["spec"], "template": live["spec"]["template"]}}
