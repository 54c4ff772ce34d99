"""Records the keys of a database on a claim that was created before operators recorded them."""

from __future__ import annotations

from dataclasses import replace

from ...api import constants
from .. import builders, claims
from ..components import database
from ..database_keys import recorded
from ..instance import Instance
from ..model.desired_state import ComponentPlan
from ..model.kinds import Obj
from .rollout import has_rolled_out


def with_key_record(instance: Instance, components: tuple[ComponentPlan, ...]) -> tuple[ComponentPlan, ...]:
    """Add the record to the claim once database and application run with the keys that are in the Secret.

    The application proves the keys: it becomes available only if it can log in to the database. A record that exists is
    never replaced.
    """
    name = claims.claim_name(instance, database.NAME)
    live = instance.live("PersistentVolumeClaim", name)
    record = database.new_record(instance)
    if live is None or recorded(live) or record is None:
        return components
    deployments = {each["metadata"]["name"]: each for part in components for each in part.objects if _is(each)}
    if not all(
        has_rolled_out(instance, deployment, deployments) for deployment in (instance.name, database.name(instance))
    ):
        return components
    return tuple(_recorded(part, name, record) for part in components)


def _recorded(component: ComponentPlan, claim: str, record: str) -> ComponentPlan:
    """The component with the record on its claim of this name."""
    objects = tuple(
        _annotated(obj, record) if _is(obj, "PersistentVolumeClaim", claim) else obj for obj in component.objects
    )
    return replace(component, objects=objects)


def _annotated(claim: Obj, record: str) -> Obj:
    copy = {**claim, "metadata": {**claim["metadata"], "annotations": {**claim["metadata"].get("annotations", {})}}}
    return builders.annotate(copy, {constants.ANNOTATION_DATABASE_KEYS: record})


def _is(obj: Obj, kind: str = "Deployment", name: str = "") -> bool:
    return obj["kind"] == kind and name in ("", obj["metadata"]["name"])
