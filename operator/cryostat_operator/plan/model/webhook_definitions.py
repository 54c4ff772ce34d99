"""The webhooks as registered with the API server: which requests they review, and what happens without an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...api import constants
from .kinds import Obj


class WebhookPaths:
    """The URL paths that the API server calls."""

    DEFAULT = "/mutate-operator-cryostat-io-v1beta2-cryostat"
    VALIDATE = "/validate-operator-cryostat-io-v1beta2-cryostat"
    POD = "/mutate--v1-pod"
    DEPLOYMENT = "/mutate--v1-deployment"
    STATEFUL_SET = "/mutate--v1-statefulset"
    DAEMON_SET = "/mutate--v1-daemonset"
    LABELS = "/validate-agent-labels"
    CONVERT = "/convert"


# The agent is added only to pods and workloads with both labels. Those with one of them get a warning. All others are
# not sent to the operator.
_HAS_AGENT_LABELS: Mapping[str, Any] = {
    "matchExpressions": [
        {"key": key, "operator": "Exists"} for key in (constants.AGENT_LABEL_NAME, constants.AGENT_LABEL_NAMESPACE)
    ]
}
_AGENT_TIMEOUT = 3  # seconds
_LABELS_TIMEOUT = 1  # second; the answer needs no request
_CRYOSTAT_TIMEOUT = 10  # seconds


def _differs(path: str) -> str:
    """Return a CEL expression: whether the value of an optional field differs between the new and the old object."""
    return f"has(object.{path}) != has(oldObject.{path}) || (has(object.{path}) && object.{path} != oldObject.{path})"


# Finalizers and owner references need no review, nor do objects that are being deleted. So a Cryostat can be deleted,
# and the operator can write its finalizer, while the API server cannot reach the operator. Served by Kubernetes 1.28
# and later; earlier versions drop the conditions.
CRYOSTAT_CONDITIONS = (
    {
        "name": "not-being-deleted",
        "expression": "request.operation != 'UPDATE' || !has(oldObject.metadata.deletionTimestamp)",
    },
    {
        "name": "spec-or-keys-changed",
        "expression": "request.operation != 'UPDATE' || "
        + " || ".join(_differs(path) for path in ("spec", "metadata.annotations", "metadata.labels")),
    },
)


def mutating() -> list[Obj]:
    """Return the mutating webhooks, each with its `path` in place of a client configuration."""
    return [
        _cryostats("mcryostat.kb.io", WebhookPaths.DEFAULT),
        _agent("mpod.cryostat.io", WebhookPaths.POD, "", "pods", ["CREATE"]),
        _agent("mdeployment.cryostat.io", WebhookPaths.DEPLOYMENT, "apps", "deployments", ["CREATE", "UPDATE"]),
        _agent("mstatefulset.cryostat.io", WebhookPaths.STATEFUL_SET, "apps", "statefulsets", ["CREATE", "UPDATE"]),
        _agent("mdaemonset.cryostat.io", WebhookPaths.DAEMON_SET, "apps", "daemonsets", ["CREATE", "UPDATE"]),
    ]


def validating() -> list[Obj]:
    """Return the validating webhooks, each with its `path` in place of a client configuration."""
    name, namespace = constants.AGENT_LABEL_NAME, constants.AGENT_LABEL_NAMESPACE
    return [
        _cryostats("vcryostat.kb.io", WebhookPaths.VALIDATE),
        _one_label("vname.cryostat.io", name, namespace),
        _one_label("vnamespace.cryostat.io", namespace, name),
    ]


def _cryostats(name: str, path: str) -> Obj:
    """Return a webhook for Cryostats. Without the operator, Cryostats can be deleted, but not created or changed."""
    return {
        "name": name,
        "path": path,
        "rules": [_rule(constants.GROUP, constants.VERSION, constants.PLURAL, ["CREATE", "UPDATE"])],
        "failurePolicy": "Fail",
        # No label exempts a Cryostat from the review.
        "objectSelector": {},
        # Includes writes in another API version.
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": _CRYOSTAT_TIMEOUT,
        "matchConditions": [dict(condition) for condition in CRYOSTAT_CONDITIONS],
        "admissionReviewVersions": ["v1"],
    }


def _agent(name: str, path: str, group: str, resource: str, operations: list[str]) -> Obj:
    """Return a webhook that adds the agent. Without the operator, pods start without the agent."""
    return {
        "name": name,
        "path": path,
        "rules": [_rule(group, "v1", resource, operations)],
        "objectSelector": dict(_HAS_AGENT_LABELS),
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "reinvocationPolicy": "Never",
        # An event on the Cryostat says why a pod has no agent, except in a dry run.
        "sideEffects": "NoneOnDryRun",
        "timeoutSeconds": _AGENT_TIMEOUT,
        "admissionReviewVersions": ["v1"],
    }


def _one_label(name: str, present: str, absent: str) -> Obj:
    """Return a webhook that warns about pods and workloads with only one of the two labels. It never refuses them."""
    workloads = ("deployments", "statefulsets", "daemonsets")
    return {
        "name": name,
        "path": WebhookPaths.LABELS,
        "rules": [
            _rule("", "v1", "pods", ["CREATE"]),
            *(_rule("apps", "v1", resource, ["CREATE", "UPDATE"]) for resource in workloads),
        ],
        "objectSelector": {
            "matchExpressions": [
                {"key": present, "operator": "Exists"},
                {"key": absent, "operator": "DoesNotExist"},
            ]
        },
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": _LABELS_TIMEOUT,
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
