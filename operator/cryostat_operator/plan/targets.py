"""Target namespaces in which no objects can be created, and why."""

from __future__ import annotations

from ..api import constants
from ..settings import Settings
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


def not_served(namespace: str, settings: Settings) -> tuple[str, str]:
    """Return why the operator, which serves chosen namespaces, does not serve this one, and the remedy.

    Both are sentences that follow one about the namespace.
    """
    if not settings.watches(namespace):
        remedy = "Ask an administrator to add the namespace to WATCH_NAMESPACES of the operator"
        return "The operator serves only namespaces that an administrator chose", remedy
    role = settings.chosen_namespace_cluster_role
    remedy = f"Ask an administrator to bind the ClusterRole {role} there to the ServiceAccount of the operator"
    return "The operator lacks permissions there", remedy


def _problem(instance: Instance, target: str) -> Problem:
    state, settings = instance.snapshot.namespaces.get(target), instance.settings
    if target in instance.snapshot.not_served and (state or not settings.watches(target)):
        cause, remedy = not_served(target, settings)
        subject, remedy = f"Target namespace {target}", f"{remedy}, or {_REMOVE}"
        text = message(subject, "is not served by the operator", consequence=cause, remedy=remedy)
        return Problem(NAME, Reason.NAMESPACE_NOT_SERVED, text)
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
    # The command is not the end of the sentence: a copied full stop would be part of the UID.
    remedy = f"To accept it, run {command} as a user who may create Cryostats in all target namespaces"
    text = message(
        f"Target namespace {target}",
        "was deleted and created again, so that the instance has no access to it",
        remedy=remedy,
    )
    return Problem(NAME, Reason.NAMESPACE_RECREATED, text)
