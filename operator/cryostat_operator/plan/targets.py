"""Target namespaces that cannot be worked in, and why."""

from __future__ import annotations

from .instance import Instance
from .model.problems import Problem
from .model.reasons import Reason

NAME = "rbac"


def unreachable(instance: Instance) -> dict[str, Problem]:
    """Problems of the target namespaces in which no objects can be made; the others are not held up."""
    return {
        target: _problem(instance, target)
        for target in instance.target_namespaces
        if target not in instance.reachable_targets
    }


def _problem(instance: Instance, target: str) -> Problem:
    if target in instance.snapshot.namespaces:
        return Problem(NAME, Reason.NAMESPACE_TERMINATING, f"Target namespace {target} is being deleted.")
    return Problem(NAME, Reason.NAMESPACE_NOT_FOUND, f"Target namespace {target} does not exist.")
