"""Keeps a Deployment as it is while its claim is being deleted: the data exists only until its pod ends.

Kubernetes deletes such a claim when no pod uses it any more. A rollout of a Deployment with data ends the old pod
before it starts the new one (`Recreate`), and a hibernation ends the pod, too. Both would therefore delete the claim.
"""

from __future__ import annotations

from . import claims
from .instance import Instance
from .model.desired_state import Blocked, ComponentPlan
from .model.kinds import Key
from .model.reasons import Reason


def hold_for_deleted_claims(instance: Instance, components: tuple[ComponentPlan, ...]) -> tuple[ComponentPlan, ...]:
    """Return the plan without the existing Deployments whose claims are being deleted; they are blocked.

    A Deployment that does not exist is created: its pod uses the next claim.
    """
    return tuple(_held(instance, component) for component in components)


def _held(instance: Instance, component: ComponentPlan) -> ComponentPlan:
    problem = next((each for each in component.problems if each.reason == Reason.VOLUME_BEING_DELETED), None)
    if problem is None:
        return component
    name = claims.claim_name(instance, "database" if component.name == "database" else "storage")
    if instance.live("Deployment", name) is None:
        return component
    return component.with_blocked(Blocked(Key("Deployment", instance.namespace, name), problem))
