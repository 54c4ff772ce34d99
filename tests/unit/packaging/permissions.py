"""The permissions that a list of RBAC rules grants."""

from __future__ import annotations

from typing import Any


def allowed(rules: list[dict[str, Any]], group: str, resource: str) -> set[str]:
    """The verbs for a resource, with or without names."""
    matching = [rule for rule in rules if group in rule["apiGroups"] and resource in rule["resources"]]
    return {verb for rule in matching for verb in rule["verbs"]}
