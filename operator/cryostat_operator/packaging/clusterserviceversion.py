"""Generates the ClusterServiceVersion, from which the Operator Lifecycle Manager (OLM) installs the operator."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

from .. import __version__
from ..api import constants, v1beta1
from ..images import AGENT_VERSION, CRYOSTAT_VERSION, IMAGES
from ..plan.model import webhook_definitions
from ..plan.model.kinds import KINDS, Obj
from ..plan.model.webhook_definitions import WebhookPaths
from ..settings import INSTALLED_BY_OLM
from . import install, install_names, operator_deployment
from .descriptors import spec_descriptors, status_descriptors
from .webhook_manifests import ROLE as REGISTRATION

PACKAGE = install_names.NAME
VERSION = __version__
NAME = f"{PACKAGE}.v{VERSION}"
DISPLAY_NAME = "Cryostat"
REPOSITORY = "https://github.com/cryostatio/cryostat-operator"
SUMMARY = "Deploys and manages Cryostat, JDK Flight Recorder for JVMs in containers"
# First version that evaluates the CEL rules of the CRD.
MIN_KUBE_VERSION = "1.25.0"
CRD = f"{constants.PLURAL}.{constants.GROUP}"
# Name of the Service that OLM creates for the webhooks of a Deployment.
WEBHOOK_SERVICE = f"{install_names.DEPLOYMENT}-service"

_EXAMPLES: tuple[tuple[str, Obj], ...] = (
    (constants.API_VERSION, {"reportOptions": {"replicas": 0}}),
    (v1beta1.API_VERSION, {"minimal": False}),
)
# The console shows the first version.
_VERSIONS = (
    (constants.VERSION, "An instance of Cryostat: the application and all of its components."),
    (v1beta1.VERSION, "An instance of Cryostat in the deprecated API version; use v1beta2 for new instances."),
)
# Features by which catalogs filter and which the operator does not have: it does not read the proxy or TLS profile of
# the cluster, does not authenticate at a cloud, is not a network or storage plugin, and is not FIPS certified.
_UNSUPPORTED_FEATURES = (
    *("proxy-aware", "tls-profiles", "fips-compliant", "cnf", "cni", "csi"),
    *("token-auth-aws", "token-auth-azure", "token-auth-gcp"),
)


def clusterserviceversion() -> Obj:
    """Return the ClusterServiceVersion. Objects that `manifests/` contains, too, come from the same functions."""
    return {
        "apiVersion": "operators.coreos.com/v1alpha1",
        "kind": "ClusterServiceVersion",
        "metadata": {"name": NAME, "annotations": presentation(), "labels": _labels()},
        "spec": {
            "displayName": DISPLAY_NAME,
            "description": description(),
            "version": VERSION,
            "maturity": "beta",
            "minKubeVersion": MIN_KUBE_VERSION,
            "maintainers": [{"name": "The Cryostat Community", "email": "cryostat-development@googlegroups.com"}],
            "provider": {"name": "The Cryostat Community", "url": "https://cryostat.io"},
            "links": [{"name": "Cryostat", "url": "https://cryostat.io"}],
            "keywords": ["java", "jvm", "jfr", "flight recorder", "profiling", "monitoring", "diagnostics"],
            "icon": [icon()],
            "installModes": [
                {"type": mode, "supported": mode == "AllNamespaces"}
                for mode in ("OwnNamespace", "SingleNamespace", "MultiNamespace", "AllNamespaces")
            ],
            "customresourcedefinitions": {"owned": [_owned(*each) for each in _VERSIONS]},
            "install": {"strategy": "deployment", "spec": _install()},
            "webhookdefinitions": list(_webhook_definitions()),
            "relatedImages": related_images(),
        },
    }


def description() -> str:
    """Return the description for catalogs, with the releases that the operator deploys."""
    text = _text("description.md").replace("{cryostat_version}", CRYOSTAT_VERSION)
    return text.replace("{agent_version}", AGENT_VERSION)


def presentation() -> dict[str, str]:
    """Return the annotations for catalogs and the console. OLM copies them to the operator's pods."""
    examples = [_example(api_version, spec) for api_version, spec in _EXAMPLES]
    # A mirror serves images by digest only.
    mirrored = all("@sha256:" in each["image"] for each in related_images())
    features = {**dict.fromkeys(_UNSUPPORTED_FEATURES, False), "disconnected": mirrored}
    return {
        "alm-examples": _json(examples),
        "capabilities": "Seamless Upgrades",
        "categories": "Monitoring, Developer Tools",
        "containerImage": install_names.IMAGE,
        "description": SUMMARY,
        "repository": REPOSITORY,
        "support": "The Cryostat Community",
        "openshift.io/required-scc": "restricted-v2",
        "operatorframework.io/initialization-resource": _json(examples[0]),
        "operatorframework.io/suggested-namespace": install_names.NAMESPACE,
        "operatorframework.io/suggested-namespace-template": _json(operator_deployment.namespace()),
        "operators.openshift.io/valid-subscription": "[]",
        **{f"features.operators.openshift.io/{name}": str(on).lower() for name, on in sorted(features.items())},
    }


def icon() -> Obj:
    """Return the icon in the form that ClusterServiceVersions and catalogs use."""
    return {"base64data": base64.b64encode(_text("icon.svg").encode()).decode(), "mediatype": "image/svg+xml"}


def related_images() -> list[Obj]:
    """Return all images that a mirror for a disconnected cluster needs."""
    operands = [{"name": name, "image": reference} for name, (_, reference) in IMAGES.items()]
    return [{"name": "operator", "image": install_names.IMAGE}, *operands]


def installed_objects() -> list[Obj]:
    """Return the objects of `manifests/`."""
    return [obj for objects in install.installation().values() for obj in objects]


def bound_roles(kind: str) -> list[Obj]:
    """Return the roles of this kind (`Role` or `ClusterRole`) that OLM binds to the operator's ServiceAccount.

    The role for registering webhooks is not included, because OLM registers them.
    """
    objects = installed_objects()
    bindings = [obj for obj in objects if obj["kind"] == f"{kind}Binding" and _has_operator(obj["subjects"])]
    bound = {obj["roleRef"]["name"] for obj in bindings} - {REGISTRATION}
    return [obj for obj in objects if obj["kind"] == kind and obj["metadata"]["name"] in bound]


def _has_operator(subjects: Iterable[Obj]) -> bool:
    return any(subject["name"] == install_names.SERVICE_ACCOUNT for subject in subjects)


def _labels() -> dict[str, str]:
    supported = ("arch.amd64", "arch.arm64", "os.linux")
    return {f"operatorframework.io/{what}": "supported" for what in supported}


def _owned(version: str, description: str) -> Obj:
    return {
        "name": CRD,
        "kind": constants.KIND,
        "version": version,
        "displayName": DISPLAY_NAME,
        "description": description,
        "resources": [_resource(kind) for kind in ("Deployment", "Service", "Route", "Ingress", "ConfigMap", "Secret")]
        + [_resource(kind) for kind in ("PersistentVolumeClaim", "ServiceAccount", "RoleBinding", "NetworkPolicy")],
        "specDescriptors": spec_descriptors(version),
        "statusDescriptors": status_descriptors(version),
    }


def _resource(name: str) -> Obj:
    """An owned resource. The console identifies built-in kinds by kind, other ones by the name of their CRD."""
    kind = KINDS[name]
    return {"kind": kind.kind, "name": f"{kind.plural}.{kind.group}" if kind.optional else "", "version": kind.version}


def _install() -> Obj:
    deployment = operator_deployment.deployment()
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    container["env"].append({"name": INSTALLED_BY_OLM, "value": "true"})
    account = install_names.SERVICE_ACCOUNT
    permissions = {
        key: [{"serviceAccountName": account, "rules": role["rules"]} for role in bound_roles(kind)]
        for key, kind in (("clusterPermissions", "ClusterRole"), ("permissions", "Role"))
    }
    name, labels = deployment["metadata"]["name"], deployment["metadata"]["labels"]
    return {
        **{key: value for key, value in permissions.items() if value},
        "deployments": [{"name": name, "label": labels, "spec": deployment["spec"]}],
    }


def _webhook_definitions() -> Iterable[Obj]:
    unsupported = ("name", "path", "matchConditions")  # the last one has no field in a ClusterServiceVersion
    for kind, found in (("Mutating", webhook_definitions.mutating()), ("Validating", webhook_definitions.validating())):
        for webhook in found:
            rest = {key: value for key, value in webhook.items() if key not in unsupported}
            yield _webhook(f"{kind}AdmissionWebhook", webhook["name"], webhook["path"]) | rest
    conversion = {"sideEffects": "None", "admissionReviewVersions": ["v1"], "conversionCRDs": [CRD]}
    yield _webhook("ConversionWebhook", "ccryostats.kb.io", WebhookPaths.CONVERT) | conversion


def _webhook(kind: str, name: str, path: str) -> Obj:
    return {
        "type": kind,
        "generateName": name,
        "deploymentName": install_names.DEPLOYMENT,
        "containerPort": 443,  # port of the Service
        "targetPort": install_names.WEBHOOK_PORT,
        "webhookPath": path,
    }


def _example(api_version: str, spec: Obj) -> Obj:
    return {"apiVersion": api_version, "kind": constants.KIND, "metadata": {"name": "cryostat-sample"}, "spec": spec}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2)


@cache
def _text(name: str) -> str:
    return (files("cryostat_operator.packaging") / "olm" / name).read_text(encoding="utf-8")
