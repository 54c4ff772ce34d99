"""Target namespaces that cannot be worked in, and why."""

from __future__ import annotations

from .instance import Instance
from .plan import Problem

PART = "rbac"


def unreachable(i: Instance) -> dict[str, Problem]:
    """Problems of the target namespaces in which no objects can be made; the others are not held up."""
    return {target: _problem(i, target) for target in i.target_namespaces if target not in i.reachable_targets}


def _problem(i: Instance, target: str) -> Problem:
    if target in i.facts.namespaces:
        return Problem(PART, "NamespaceTerminating", f"Target namespace {target} is being deleted.")
    return Problem(PART, "NamespaceNotFound", f"Target namespace {target} does not exist.")
