"""How the API server finds the webhooks: a Service, two configurations, and the role to keep them current."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryostat_operator.api import v1beta2
from cryostat_operator.desired import names, paths
from cryostat_operator.settings import Settings

Obj = dict[str, Any]

NAMESPACE = "cryostat-operator-system"
SERVICE = Settings().webhook_service
PORT_NAME = "webhooks"
_PREFIX = Settings().name_prefix
CONFIGURATIONS = (f"{_PREFIX}mutating-webhook-configuration", f"{_PREFIX}validating-webhook-configuration")
ROLE = f"{_PREFIX}webhook-registration"
# Only pods and workloads that ask for the agent come to us; nobody else's wait for the operator, dead or alive.
_ASKING: Mapping[str, Any] = {
    "matchExpressions": [
        {"key": key, "operator": "Exists"} for key in (names.AGENT_LABEL_NAME, names.AGENT_LABEL_NAMESPACE)
    ]
}
_AGENT_SECONDS = 3
_CRYOSTAT_SECONDS = 10


def objects(namespace: str, labels: Mapping[str, str], selector: Mapping[str, str]) -> list[Obj]:
    """The Service, and the configurations that name it."""
    return [service(namespace, labels, selector), *configurations(namespace, labels)]


def service(namespace: str, labels: Mapping[str, str], selector: Mapping[str, str]) -> Obj:
    """The Service that the API server calls."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "selector": dict(selector),
            "ports": [{"name": PORT_NAME, "port": 443, "targetPort": PORT_NAME, "protocol": "TCP"}],
        },
    }


def configurations(namespace: str, labels: Mapping[str, str]) -> list[Obj]:
    """The mutating and the validating configuration; whom to trust is filled in by the operator."""
    kinds = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name, "labels": dict(labels)},
            "webhooks": [_registered(namespace, each) for each in webhooks],
        }
        for kind, name, webhooks in zip(kinds, CONFIGURATIONS, (mutating(), validating()), strict=True)
    ]


def _registered(namespace: str, webhook: Obj) -> Obj:
    rest = {key: value for key, value in webhook.items() if key != "path"}
    return {**rest, "clientConfig": client_config(namespace, webhook["path"])}


def client_config(namespace: str, path: str) -> Obj:
    """Where the API server finds one path of ours."""
    return {"service": {"name": SERVICE, "namespace": namespace, "path": path, "port": 443}}


def mutating() -> list[Obj]:
    """The mutating webhooks, each with its `path` instead of a client configuration."""
    return [
        _cryostats("mcryostat.kb.io", paths.DEFAULT),
        _agent("mpod.cryostat.io", paths.POD, "", "pods", ["CREATE"]),
        _agent("mdeployment.cryostat.io", paths.DEPLOYMENT, "apps", "deployments", ["CREATE", "UPDATE"]),
        _agent("mstatefulset.cryostat.io", paths.STATEFUL_SET, "apps", "statefulsets", ["CREATE", "UPDATE"]),
        _agent("mdaemonset.cryostat.io", paths.DAEMON_SET, "apps", "daemonsets", ["CREATE", "UPDATE"]),
    ]


def validating() -> list[Obj]:
    """The validating webhook, with its `path` instead of a client configuration."""
    return [_cryostats("vcryostat.kb.io", paths.VALIDATE)]


def registration_role(labels: Mapping[str, str]) -> Obj:
    """Lets the operator tell the API server which certificate to trust; where OLM does that, nobody needs this role."""
    verbs = ["get", "patch"]
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROLE, "labels": dict(labels)},
        "rules": [
            {
                "apiGroups": ["admissionregistration.k8s.io"],
                "resources": ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"],
                "resourceNames": list(CONFIGURATIONS),
                "verbs": verbs,
            },
            {
                "apiGroups": ["apiextensions.k8s.io"],
                "resources": ["customresourcedefinitions"],
                "resourceNames": [f"{v1beta2.PLURAL}.{v1beta2.GROUP}"],
                "verbs": verbs,
            },
        ],
    }


def _cryostats(name: str, path: str) -> Obj:
    """Nothing is stored unchecked: while the operator is away, Cryostats cannot be written (but deleted)."""
    return {
        "name": name,
        "path": path,
        "rules": [_rule(v1beta2.GROUP, v1beta2.VERSION, v1beta2.PLURAL, ["CREATE", "UPDATE"])],
        "failurePolicy": "Fail",
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
