"""The Role for leader election and its binding."""

from __future__ import annotations

from collections.abc import Mapping

from ..api import constants
from ..plan.model.kinds import Obj
from ..settings import Settings

ROLE = f"{Settings().name_prefix}leader-election-role"
BINDING = f"{ROLE}binding"


def leader_election_rules() -> list[Obj]:
    """Return the rules of the Role in the operator's namespace, which the OLM bundle uses, too."""
    lease = {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"]}
    return [
        {**lease, "verbs": ["create"]},  # RBAC cannot restrict `create` to a name
        {**lease, "resourceNames": [constants.LEASE], "verbs": ["get", "update"]},
    ]


def leader_election(namespace: str, service_account: str, labels: Mapping[str, str]) -> list[Obj]:
    """Return the Role and its binding to the operator's ServiceAccount."""
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
