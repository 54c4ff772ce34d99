"""Why a Deployment is not available: the first cause that the cluster reports."""

from __future__ import annotations

from typing import Any, NamedTuple

from .instance import Instance
from .model.kinds import Key
from .model.reasons import Reason


class Cause(NamedTuple):
    """Why a Deployment is not available."""

    reason: Reason
    message: str


def unavailable_cause(instance: Instance, name: str, pod_failure: str | None) -> Cause | None:
    """Why a Deployment does not serve its newest version.

    Args:
        name: the Deployment, in the namespace of the Cryostat.
        pod_failure: one sentence on what keeps its pods from running, if anything does.

    Returns:
        The cause, or None if the Deployment is available.
    """
    live = instance.live("Deployment", name)
    if live is None:
        return Cause(Reason.DEPLOYMENT_PENDING, _missing(instance, name))
    conditions = deployment_conditions(live)
    failure = conditions.get("ReplicaFailure")
    available = conditions.get("Available") or {}
    if failure and failure["status"] == "True":
        return Cause(Reason.REPLICA_FAILURE, f"Deployment {name}: {failure.get('message', '')}")
    if pod_failure:
        return Cause(Reason.POD_NOT_RUNNING, f"Deployment {name}: {pod_failure}")
    if available.get("status") == "True":
        return None
    claim = instance.live("PersistentVolumeClaim", name)
    if claim and (claim.get("status") or {}).get("phase") == "Pending":
        return Cause(Reason.VOLUME_PENDING, f"PersistentVolumeClaim {name} is not bound to a volume yet")
    message = available.get("message") or "no pod has been started yet"
    return Cause(Reason.DEPLOYMENT_UNAVAILABLE, f"Deployment {name}: {message}")


def deployment_conditions(deployment: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """The conditions of a Deployment, or of none, by type."""
    status = (deployment or {}).get("status") or {}
    return {condition["type"]: condition for condition in status.get("conditions") or ()}


def _missing(instance: Instance, name: str) -> str:
    """A sentence about a Deployment that does not exist."""
    if Key("Deployment", instance.namespace, name) in instance.snapshot.leaving:
        return f"Deployment {name} is created again when the pods of the previous one have terminated"
    return f"Deployment {name} does not exist yet"
