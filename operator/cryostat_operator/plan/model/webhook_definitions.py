"""The webhooks that the API server is told of: which requests come to us, and what happens while we do not answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...api import constants
from . import webhook_paths
from .kinds import Obj

# Only pods and workloads that ask for the agent come to us; nobody else's wait for the operator, dead or alive.
_ASKING: Mapping[str, Any] = {
    "matchExpressions": [
        {"key": key, "operator": "Exists"} for key in (constants.AGENT_LABEL_NAME, constants.AGENT_LABEL_NAMESPACE)
    ]
}
_AGENT_SECONDS = 3
_CRYOSTAT_SECONDS = 10


def mutating() -> list[Obj]:
    """The mutating webhooks, each with its `path` instead of a client configuration."""
    return [
        _cryostats("mcryostat.kb.io", webhook_paths.DEFAULT),
        _agent("mpod.cryostat.io", webhook_paths.POD, "", "pods", ["CREATE"]),
        _agent("mdeployment.cryostat.io", webhook_paths.DEPLOYMENT, "apps", "deployments", ["CREATE", "UPDATE"]),
        _agent("mstatefulset.cryostat.io", webhook_paths.STATEFUL_SET, "apps", "statefulsets", ["CREATE", "UPDATE"]),
        _agent("mdaemonset.cryostat.io", webhook_paths.DAEMON_SET, "apps", "daemonsets", ["CREATE", "UPDATE"]),
    ]


def validating() -> list[Obj]:
    """The validating webhook, with its `path` instead of a client configuration."""
    return [_cryostats("vcryostat.kb.io", webhook_paths.VALIDATE)]


def _cryostats(name: str, path: str) -> Obj:
    """Nothing is stored unchecked: while the operator is away, Cryostats cannot be written (but deleted)."""
    return {
        "name": name,
        "path": path,
        "rules": [_rule(constants.GROUP, constants.VERSION, constants.PLURAL, ["CREATE", "UPDATE"])],
        "failurePolicy": "Fail",
        # No label lets a Cryostat pass unseen.
        "objectSelector": {},
        # Also what is written in another version of the API.
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": _CRYOSTAT_SECONDS,
        "admissionReviewVersions": ["v1"],
    }


def _agent(name: str, path: str, group: str, resource: str, operations: list[str]) -> Obj:
    """The agent is an extra: no pod waits for it, and none fails because of it."""
    return {
        "name": name,
        "path": path,
        "rules": [_rule(group, "v1", resource, operations)],
        "objectSelector": dict(_ASKING),
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "reinvocationPolicy": "Never",
        # An event on the Cryostat tells why a pod goes without an agent, but not on a dry run.
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": _AGENT_SECONDS,
        "admissionReviewVersions": ["v1"],
    }


def _rule(group: str, version: str, resource: str, operations: list[str]) -> Obj:
    return {
        "apiGroups": [group],
        "apiVersions": [version],
        "resources": [resource],
        "operations": operations,
        "scope": "Namespaced",
    }
