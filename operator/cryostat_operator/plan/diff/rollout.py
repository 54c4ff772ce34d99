"""Order of restarts with new certificates and keys: first database and storage, then the application."""

from __future__ import annotations

from collections.abc import Mapping

from ...api import constants
from ..instance import Instance
from ..model.desired_state import Blocked, ComponentPlan, Reference
from ..model.kinds import Key, Obj, key_of, spec_hash_of
from ..model.problems import Problem
from ..model.reasons import Reason
from .comparison import differences

_HASH = f"spec.template.metadata.annotations.{constants.ANNOTATION_SECRET_HASH}"
_LOGIN_HASH = f"spec.template.metadata.annotations.{constants.ANNOTATION_LOGIN_HASH}"
_SHARED_HASH = f"metadata.annotations.{constants.ANNOTATION_SHARED_SECRET_HASH}"
_DONE = "NewReplicaSetAvailable"


def shared_secrets(main: Key, needs: Mapping[Key, frozenset[Reference]]) -> frozenset[Reference]:
    """Return the Secrets that the pods of a main Deployment have in common with its database or storage.

    Args:
        main: a Deployment; the result is empty for those of other components.
        needs: what objects need, by object.
    """
    others = [needs.get(main._replace(name=name), frozenset()) for name in _earlier(main.name)]
    used = {reference.name for found in others for reference in found if reference.kind == "Secret"}
    return frozenset(each for each in needs[main] if each.kind == "Secret" and each.name in used)


def _earlier(name: str) -> tuple[str, str]:
    """Return the names of the Deployments that restart before the main one of this name."""
    return f"{name}-database", f"{name}-storage"


def hold_for_rollout(instance: Instance, components: tuple[ComponentPlan, ...]) -> tuple[ComponentPlan, ...]:
    """Hold the application back while database or storage restart with a new version of a Secret that it uses, too.

    A rollout that does not complete fails after ten minutes (`progressDeadlineSeconds`) and then holds nothing back. A
    change of the spec, or of Secrets that only the application uses, is not held back.
    """
    deployments = {
        obj["metadata"]["name"]: obj
        for component in components
        for obj in component.objects
        if obj["kind"] == "Deployment"
    }
    live, desired = instance.live("Deployment", instance.name), deployments.get(instance.name)
    if (
        live is None
        or desired is None
        or set(_differences(instance, desired, live)) - {_LOGIN_HASH} != {_HASH, _SHARED_HASH}
    ):
        return components
    busy = [name for name in _earlier(instance.name) if _is_rolling_out(instance, name, deployments)]
    if not busy:
        return components
    first = f"Deployments {' and '.join(busy)} have" if len(busy) > 1 else f"Deployment {busy[0]} has"
    message = f"Deployment {instance.name} restarts with new Secrets once {first} restarted with them."
    key = Key("Deployment", instance.namespace, instance.name)
    held = Blocked(key, Problem("core", Reason.ROLLING_IN_ORDER, message))
    return tuple(
        component.with_blocked(held) if desired in component.objects else component for component in components
    )


def has_rolled_out(instance: Instance, name: str, deployments: Mapping[str, Obj]) -> bool:
    """Return whether a Deployment is as desired, all its pods are of the newest version, and it is available.

    Args:
        deployments: the desired Deployments by name.
    """
    live, desired = instance.live("Deployment", name), deployments.get(name)
    if live is None or desired is None or _is_rolling_out(instance, name, deployments):
        return False
    if desired["spec"].get("replicas", 1) == 0:
        return False  # without a pod, the new version is not known to start
    conditions = (live.get("status") or {}).get("conditions") or ()
    states = {condition.get("type"): condition.get("status") for condition in conditions}
    return states.get("Available") == "True" and states.get("Progressing") == "True"


def _differences(instance: Instance, desired: Obj, live: Obj) -> list[str]:
    key = key_of(desired)
    known = key in instance.snapshot.in_sync and instance.snapshot.in_sync[key] == spec_hash_of(desired)
    return [] if known else differences(desired, live)


def _is_rolling_out(instance: Instance, name: str, deployments: Mapping[str, Obj]) -> bool:
    live, desired = instance.live("Deployment", name), deployments.get(name)
    if live is None or desired is None:
        return False
    status = live.get("status") or {}
    if _differences(instance, desired, live) or status.get("observedGeneration", 0) < live["metadata"].get(
        "generation", 0
    ):
        return True
    progress: Obj = next((c for c in status.get("conditions") or () if c.get("type") == "Progressing"), {})
    if progress.get("status") != "True":
        return False
    # After the old pod ended and before the new one starts, the condition may be that of the previous rollout.
    running = min(status.get("updatedReplicas") or 0, status.get("availableReplicas") or 0)
    return progress.get("reason") != _DONE or running < desired["spec"].get("replicas", 1)
