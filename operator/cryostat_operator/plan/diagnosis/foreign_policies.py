"""Finds NetworkPolicies that restrict the pods of an instance, and that the operator did not create."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ..model.kinds import Obj
from ..model.messages import enumeration


def foreign_policies(policies: Iterable[Obj], pods: Collection[Obj], owned: str) -> tuple[Obj, ...]:
    """Return the policies that select one of these pods and do not have the ownership labels.

    Args:
        policies: NetworkPolicies of the namespace.
        pods: pods of the instance.
        owned: label selector of the objects of the instance, such as `a=b,c=d`.
    """
    labels = [dict(pod["metadata"].get("labels") or {}) for pod in pods]
    required = dict(each.split("=", 1) for each in owned.split(","))
    return tuple(
        policy
        for policy in policies
        if not required.items() <= (policy["metadata"].get("labels") or {}).items()
        and any(selects(policy["spec"].get("podSelector") or {}, each) for each in labels)
    )


def directions(policy: Obj) -> str:
    """Return which connections a policy restricts: `ingress`, `egress`, or both."""
    types = policy["spec"].get("policyTypes") or ["Ingress"]
    return enumeration([str(each).lower() for each in types])


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Return whether a label selector of Kubernetes selects these labels. An empty selector selects all."""
    exact = (selector.get("matchLabels") or {}).items() <= labels.items()
    return exact and all(_matches(each, labels) for each in selector.get("matchExpressions") or ())


def _matches(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or ()
    if operator in ("Exists", "DoesNotExist"):
        return (key in labels) is (operator == "Exists")
    is_listed = labels.get(key) in values
    return is_listed is (operator == "In")
