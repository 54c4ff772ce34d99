"""Records, on the claim of a database, the keys and the release of Cryostat that its data is used with.

A claim that is created gets both records at once. This module is for claims of the Go operator and of earlier versions
of this one, which have none, and for upgrades.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...api import constants
from .. import builders, claims, database_keys, upgrades
from ..components import database
from ..instance import Instance
from ..model.desired_state import ComponentPlan
from ..model.kinds import Key, Obj
from .rollout import has_rolled_out


def with_data_records(instance: Instance, components: tuple[ComponentPlan, ...]) -> tuple[ComponentPlan, ...]:
    """Add the records to the claim of the database, or change that of the release.

    The first ones are added once database and application run with the keys that are in the Secret, and with the
    images. The application proves the keys: it becomes available only if it can log in to the database. A record of
    keys is never replaced. That of the release changes together with the Deployments, because a release that starts
    changes the tables before it is available. It does not change during a hibernation, in which no pod uses the data.
    """
    live = claims.live_claim(instance, database.NAME)
    if live is None:
        return components
    name = claims.claim_name(instance, database.NAME)
    added = {**_keys(instance, live, components), **_release(instance, live, components)}
    return tuple(_recorded(part, name, added) for part in components) if added else components


def _keys(instance: Instance, live: Obj, components: tuple[ComponentPlan, ...]) -> dict[str, str]:
    record = None if database_keys.recorded(live) else database.new_record(instance)
    return {constants.ANNOTATION_DATABASE_KEYS: record} if record and _has_rolled_out(instance, components) else {}


def _release(instance: Instance, live: Obj, components: tuple[ComponentPlan, ...]) -> dict[str, str]:
    before = upgrades.recorded(live)
    record = upgrades.next_record(instance, before)
    blocked = {entry.key for part in components for entry in part.blocked}
    if record == before or Key("Deployment", instance.namespace, instance.name) in blocked:
        return {}
    if upgrades.refusal(instance):
        return {}  # the Deployments keep their images
    if instance.hibernation_requested:
        return {}  # no pod has used the data with these images
    is_proved = any(before) or _has_rolled_out(instance, components)
    return {constants.ANNOTATION_DATABASE_RELEASE: str(record)} if is_proved else {}


def _has_rolled_out(instance: Instance, components: tuple[ComponentPlan, ...]) -> bool:
    deployments = {each["metadata"]["name"]: each for part in components for each in part.objects if _matches(each)}
    names = (instance.name, database.name(instance))
    return all(has_rolled_out(instance, deployment, deployments) for deployment in names)


def _recorded(component: ComponentPlan, claim: str, records: Mapping[str, str]) -> ComponentPlan:
    """The component with the records on its claim of this name."""
    objects = tuple(
        _annotated(obj, records) if _matches(obj, "PersistentVolumeClaim", claim) else obj for obj in component.objects
    )
    return replace(component, objects=objects)


def _annotated(claim: Obj, records: Mapping[str, str]) -> Obj:
    copy = {**claim, "metadata": {**claim["metadata"], "annotations": {**claim["metadata"].get("annotations", {})}}}
    return builders.annotate(copy, dict(records))


def _matches(obj: Obj, kind: str = "Deployment", name: str = "") -> bool:
    return obj["kind"] == kind and name in ("", obj["metadata"]["name"])
