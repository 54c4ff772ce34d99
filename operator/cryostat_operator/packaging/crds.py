"""Generates the CustomResourceDefinition of `Cryostat`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

from ..api import constants, v1beta1, v1beta2
from ..api.base import Model
from ..plan.model.kinds import Obj
from ..plan.model.reasons import Reason
from ..plan.model.webhook_definitions import WebhookPaths
from ..plan.yaml_text import generated_file
from . import install_names, webhook_manifests
from .crd_schema import object_schema

PATH = PurePosixPath(f"crds/{constants.GROUP}_{constants.PLURAL}.yaml")

COLUMNS = (
    # name, path, priority (1: only with -o wide), description
    (
        "Ready",
        '.status.conditions[?(@.type=="Ready")].status',
        0,
        "Whether all components of the instance are available.",
    ),
    ("Status", ".status.summary", 0, "The state of the instance in a few words."),
    ("Application URL", ".status.applicationUrl", 0, "Address of the application."),
    ("Target Namespaces", ".status.targetNamespaces", 0, "Namespaces in which the instance discovers targets."),
    ("Reason", '.status.conditions[?(@.type=="Ready")].reason', 1, "Reason of the condition Ready."),
    ("Message", '.status.conditions[?(@.type=="Ready")].message', 1, "Cause and remedy, from the condition Ready."),
    ("Database Secret", ".status.databaseSecret", 1, "Secret with the keys of the database."),
    ("Storage Secret", ".status.storageSecret", 1, "Secret with the keys of the object storage."),
)
_FORMER_COLUMNS = (
    *(column for column in COLUMNS if column[0] in ("Ready", "Status", "Application URL")),
    ("Grafana Secret", ".status.grafanaSecret", 0, "Never set: Grafana has no login of its own."),
    *(column for column in COLUMNS if column[0] in ("Reason", "Message")),
)
# The status of a Cryostat until an operator writes one: a default that the API server adds to a stored object.
_UNOBSERVED: Mapping[str, str] = {
    "type": "Ready",
    "status": "Unknown",
    "reason": Reason.WAITING_FOR_OPERATOR.value,
    "message": "No operator has processed this Cryostat yet. "
    "Check that the Deployment cryostat-operator-controller has an available pod, and see its log.",
    "lastTransitionTime": "1970-01-01T00:00:00Z",
}
_UNOBSERVED_SUMMARY = "Waiting for the operator"
_DEPRECATION = f"{v1beta1.API_VERSION} {constants.KIND} is deprecated; use {constants.API_VERSION}"
_AGE = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def crd() -> Obj:
    """Return the CustomResourceDefinition with all served versions.

    Raises:
        ModuleNotFoundError: `kubernetes-validate`, a development dependency, is not installed.
    """
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{constants.PLURAL}.{constants.GROUP}",
            "labels": {"app.kubernetes.io/name": "cryostat-operator"},
        },
        "spec": {
            "group": constants.GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": constants.KIND,
                "listKind": f"{constants.KIND}List",
                "plural": constants.PLURAL,
                "singular": constants.PLURAL.removesuffix("s"),
                "shortNames": ["cryo"],
                "categories": ["cryostat"],
            },
            # Objects are stored in v1beta2; reading them in v1beta2 does not call the webhook.
            "conversion": {
                "strategy": "Webhook",
                "webhook": {
                    "conversionReviewVersions": ["v1"],
                    "clientConfig": webhook_manifests.client_config(install_names.NAMESPACE, WebhookPaths.CONVERT),
                },
            },
            "versions": [
                _version(constants.VERSION, v1beta2.Cryostat, COLUMNS),
                _version(v1beta1.VERSION, v1beta1.Cryostat, _FORMER_COLUMNS)
                | {"storage": False, "deprecated": True, "deprecationWarning": _DEPRECATION},
            ],
        },
    }


def files_of_crds() -> Mapping[PurePosixPath, str]:
    """Return the generated file: path below the repository → content."""
    return {PATH: generated_file([crd()])}


def _version(name: str, model: type[Model], columns: tuple[tuple[str, str, int, str], ...]) -> Obj:
    return {
        "name": name,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            *(
                {"name": column, "type": "string", "jsonPath": path, "description": text}
                | ({"priority": priority} if priority else {})
                for column, path, priority, text in columns
            ),
            _AGE,
        ],
        "schema": {"openAPIV3Schema": _with_default_status(object_schema(model, definitions()))},
    }


def _with_default_status(schema: Obj) -> Obj:
    """Return the schema with a default status, which applies until an operator writes one."""
    status = schema["properties"]["status"]
    fields = dict(status["properties"])
    fields["conditions"] = {**fields["conditions"], "default": [dict(_UNOBSERVED)]}
    fields["summary"] = {**fields["summary"], "default": _UNOBSERVED_SUMMARY}
    return {**schema, "properties": {**schema["properties"], "status": {**status, "default": {}, "properties": fields}}}


@cache
def definitions() -> Mapping[str, Obj]:
    """Return the OpenAPI definitions of the newest Kubernetes version in `kubernetes-validate`."""
    import kubernetes_validate

    root = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{kubernetes_validate.latest_version()}-local"
    loaded: Obj = json.loads((root / "_definitions.json").read_text(encoding="utf-8"))
    found: Mapping[str, Obj] = loaded["$defs"]
    return found
