"""How the API server finds the webhooks: a Service, two configurations, and the role to keep them current."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..api import constants
from ..settings import Settings

Obj = dict[str, Any]

NAMESPACE = "cryostat-operator-system"
SERVICE = Settings().webhook_service
PORT_NAME = "webhooks"
_PREFIX = Settings().name_prefix
CONFIGURATIONS = (f"{_PREFIX}mutating-webhook-configuration", f"{_PREFIX}validating-webhook-configuration")
ROLE = f"{_PREFIX}webhook-registration"


def objects(namespace: str, labels: Mapping[str, str], selector: Mapping[str, str]) -> list[Obj]:
    """The Service, and the configurations that will name it."""
    return [service(namespace, labels, selector), *configurations(labels)]


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


def configurations(labels: Mapping[str, str]) -> list[Obj]:
    """The mutating and the validating configuration, empty: the operator enters its webhooks once it answers them.

    Entered here they would refuse every Cryostat from the installation until then.
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
    """Where the API server finds one path of ours."""
    return {"service": {"name": SERVICE, "namespace": namespace, "path": path, "port": 443}}


def registration_role(labels: Mapping[str, str]) -> Obj:
    """Lets the operator tell the API server which certificate to trust; where OLM does that, nobody needs this role."""
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
        # One that somebody has deleted is made again: without it Cryostats would be written unchecked. (No name here:
        # the API server does not know it yet when it authorises a creation.)
        + [
            {"apiGroups": [group], "resources": [resource], "verbs": ["create"]}
            for group, resource, _ in named
            if group == admission
        ],
    }
