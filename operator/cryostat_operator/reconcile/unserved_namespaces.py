"""Cryostats in namespaces that the operator does not serve: none of their objects is read or written there."""

from __future__ import annotations

from ..api import constants
from ..plan import retention, targets
from ..plan.model.kinds import Obj
from ..plan.model.messages import message
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from ..settings import Settings


def unserved(body: Obj, settings: Settings, *, namespace_terminating: bool = False) -> Problem | None:
    """Return the problem of a Cryostat in a namespace that is not served; None if the Cryostat is deleted nevertheless.

    The deletion waits if the data is to be kept: garbage collection deletes claims that the operator cannot release.
    If the namespace is being deleted, the data is deleted in any case, and a wait would only delay that.
    """
    metadata = body["metadata"]
    cause, remedy = targets.not_served(metadata["namespace"], settings)
    subject = f"Namespace {metadata['namespace']}"
    if "deletionTimestamp" not in metadata:
        cause = f"{cause}, and changes no object of this Cryostat"
        text = message(subject, "is not served by the operator", consequence=cause, remedy=remedy)
        return Problem("core", Reason.NAMESPACE_NOT_SERVED, text)
    if namespace_terminating or not retention.is_requested(metadata.get("annotations")):
        return None
    cause = f"{cause}, and does not delete this Cryostat, because its data could not be kept"
    remedy = f"{remedy}, or remove the annotation {constants.ANNOTATION_DATA_RETENTION}: this deletes the data"
    text = message(subject, "is not served by the operator", consequence=cause, remedy=remedy)
    return Problem("core", Reason.DELETION_BLOCKED, text)
