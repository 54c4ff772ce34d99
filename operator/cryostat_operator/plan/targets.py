"""Target namespaces in which no objects can be created, and why."""

from __future__ import annotations

from ..api import constants
from .instance import Instance
from .model.messages import capitalized, message
from .model.problems import Problem
from .model.reasons import Reason

NAME = "rbac"
_REMOVE = "remove it from spec.targetNamespaces"


def problems(instance: Instance) -> dict[str, Problem]:
    """Return the problem of each target namespace that has one; the other namespaces are not affected."""
    reachable = frozenset(instance.reachable_targets)
    return {target: _problem(instance, target) for target in instance.target_namespaces if target not in reachable}


def unreachable(instance: Instance) -> dict[str, Problem]:
    """Return the problems of target namespaces in which objects cannot be created now, but existing ones stay.

    In a namespace that was created again, existing objects are deleted.
    """
    return {t: problem for t, problem in problems(instance).items() if t not in instance.recreated_targets}


def _problem(instance: Instance, target: str) -> Problem:
    state = instance.snapshot.namespaces.get(target)
    if state is None:
        text = message(f"Target namespace {target}", "does not exist", remedy=f"Create it, or {_REMOVE}")
        return Problem(NAME, Reason.NAMESPACE_NOT_FOUND, text)
    if state.terminating:
        if target == instance.namespace:
            remedy = "Create the Cryostat in another namespace"
            text = message(f"Namespace {target}", "is being deleted, and this Cryostat with it", remedy=remedy)
            return Problem(NAME, Reason.NAMESPACE_TERMINATING, text)
        remedy = f"{capitalized(_REMOVE)}, or create it again afterwards"
        text = message(f"Target namespace {target}", "is being deleted", remedy=remedy)
        return Problem(NAME, Reason.NAMESPACE_TERMINATING, text)
    command = (
        f"kubectl annotate cryostat -n {instance.namespace} {instance.name} --overwrite "
        f"{constants.ANNOTATION_ACCEPT_NAMESPACES}={state.uid}"
    )
    text = (
        f"Target namespace {target} was deleted and created again, so that the instance has no access to it. "
        f"To accept it, a user who may create Cryostats in all target namespaces runs: {command}"
    )
    return Problem(NAME, Reason.NAMESPACE_RECREATED, text)
