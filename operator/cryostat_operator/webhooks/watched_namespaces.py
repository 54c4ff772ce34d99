"""Refuses Cryostats in namespaces that the operator does not serve, and such target namespaces."""

from __future__ import annotations

from ..api.required_permissions import target_namespaces
from ..plan.model.kinds import Obj
from ..settings import Settings


def namespace_refusal(new: Obj, old: Obj | None, settings: Settings) -> str:
    """Return why a Cryostat is refused; empty if the operator serves its namespace and the added target namespaces.

    Existing Cryostats can be changed, whatever namespaces they have already.

    Args:
        new: the Cryostat.
        old: its former state; None if it is being created.
    """
    own = str(new["metadata"]["namespace"])
    ask = "or ask an administrator to add the namespace to WATCH_NAMESPACES of the operator"
    if old is None and not settings.watches(own):
        return f"the operator does not serve namespace {own}. Create the Cryostat in another namespace, {ask}"
    known = set(target_namespaces(old)) if old is not None else set()
    for target in target_namespaces(new):
        if target not in known and not settings.watches(target):
            return f"spec.targetNamespaces: the operator does not serve namespace {target}. Remove it, {ask}"
    return ""
