"""What several replicas of the operator need: permission to elect one, different nodes, and never all away at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api import constants
from ..settings import Settings

Obj = dict[str, Any]

ROLE = f"{Settings().name_prefix}leader-election-role"
BINDING = f"{ROLE}binding"


def leader_election_rules() -> list[Obj]:
    """The rules of the Role in the operator's own namespace, also for an OLM bundle."""
    lease = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    return [
        {**lease, "verbs": ["create"]},  # which cannot be granted for one name
        {**lease, "resourceNames": [constants.LEASE], "verbs": ["get", "update"]},
    ]


def leader_election(namespace: str, service_account: str, labels: Mapping[str, str]) -> list[Obj]:
    """The Role, and its binding to the operator."""
    group = "rbac.authorization.k8s.io"
    metadata = {"name": ROLE, "namespace": namespace, "labels": dict(labels)}
    return [
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": leader_election_rules()},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": {**metadata, "name": BINDING},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": ROLE},
            "subjects": [{"kind": "ServiceAccount", "name": service_account, "namespace": namespace}],
        },
    ]


def disruption_budget(name: str, namespace: str, labels: Mapping[str, str], selector: Mapping[str, str]) -> Obj:
    """One at a time: a drain never waits, even for a single replica, and somebody always answers the API server."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": dict(selector)}},
    }


def affinity(selector: Mapping[str, str]) -> Obj:
    """Different nodes where there are several."""
    term = {"labelSelector": {"matchLabels": dict(selector)}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
