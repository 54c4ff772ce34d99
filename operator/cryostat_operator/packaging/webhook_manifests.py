"""The Service of the webhooks, their configurations, and the role to update these."""

from __future__ import annotations

from collections.abc import Mapping

from ..api import constants
from ..plan.model.kinds import Obj
from ..settings import Settings

SERVICE = Settings().webhook_service
PORT_NAME = "webhooks"
_PREFIX = Settings().name_prefix
CONFIGURATIONS = (f"{_PREFIX}mutating-webhook-configuration", f"{_PREFIX}validating-webhook-configuration")
ROLE = f"{_PREFIX}webhook-registration"


def objects(namespace: str, labels: Mapping[str, str], selector: Mapping[str, str]) -> list[Obj]:
    """Return the Service and the webhook configurations."""
    return [service(namespace, labels, selector), *configurations(labels)]


def service(namespace: str, labels: Mapping[str, str], selector: Mapping[str, str]) -> Obj:
    """Return the Service that the API server connects to."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "selector": dict(selector),
            "ports": [{"name": PORT_NAME, "port": 443, "targetPort": PORT_NAME, "protocol": "TCP"}],
        },
    }


def configurations(labels: Mapping[str, str]) -> list[Obj]:
    """Return the mutating and the validating configuration without webhooks.

    The operator adds its webhooks when it serves them. If the manifests contained them, no Cryostat could be written
    before the operator is running.
    """
    kinds = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": name, "labels": dict(labels)},
        }
        for kind, name in zip(kinds, CONFIGURATIONS, strict=True)
    ]


def client_config(namespace: str, path: str) -> Obj:
    """Return the client configuration of a webhook at this path of the Service."""
    return {"service": {"name": SERVICE, "namespace": namespace, "path": path, "port": 443}}


def registration_role(labels: Mapping[str, str]) -> Obj:
    """Return the role that allows the operator to register its webhooks and their CA. With OLM, it is not needed."""
    admission = "admissionregistration.k8s.io"
    mutating, validating = CONFIGURATIONS
    named = (
        (admission, "mutatingwebhookconfigurations", mutating),
        (admission, "validatingwebhookconfigurations", validating),
        ("apiextensions.k8s.io", "customresourcedefinitions", f"{constants.PLURAL}.{constants.GROUP}"),
    )
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROLE, "labels": dict(labels)},
        "rules": [
            {"apiGroups": [group], "resources": [resource], "resourceNames": [name], "verbs": ["get", "patch"]}
            for group, resource, name in named
        ]
        # A deleted configuration is created again, because without it Cryostats would be written unchecked. RBAC cannot
        # restrict `create` to a name.
        + [
            {"apiGroups": [group], "resources": [resource], "verbs": ["create"]}
            for group, resource, _ in named
            if group == admission
        ],
    }
