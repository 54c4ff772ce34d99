"""The operator's namespace, ServiceAccount, Deployment, PodDisruptionBudget and NetworkPolicy."""

from __future__ import annotations

from collections.abc import Iterator

from ..images import IMAGES, OPERATOR_IMAGE
from ..plan.model.kinds import Obj
from ..plan.workloads import LINUX_NODES
from ..settings import WEBHOOK_CERTIFICATES
from . import webhook_manifests
from .install_names import (
    DEPLOYMENT,
    HTTP_PORT,
    IMAGE,
    LABELS,
    NAME,
    NAMESPACE,
    SELECTOR,
    SERVICE_ACCOUNT,
    WEBHOOK_PORT,
    metadata,
)

_CERTIFICATE_VOLUME = "webhook-cert"  # OLM uses the same name for its volume at this path


def namespace() -> Obj:
    """Return the operator's namespace, which enforces the `restricted` Pod Security level."""
    labels = {**LABELS, "pod-security.kubernetes.io/enforce": "restricted"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}


def service_account() -> Obj:
    """Return the operator's ServiceAccount."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata(SERVICE_ACCOUNT, NAMESPACE)}


def deployment() -> Obj:
    """Return the operator's Deployment of two replicas, of which one is the leader."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(DEPLOYMENT, NAMESPACE),
        "spec": {
            "replicas": 2,
            # A new pod becomes ready before an old one is deleted, so that the webhooks are always served.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
            "selector": {"matchLabels": dict(SELECTOR)},
            "template": {
                "metadata": {
                    "labels": {**LABELS, **SELECTOR},
                    "annotations": {
                        "kubectl.kubernetes.io/default-container": "operator",
                        "openshift.io/required-scc": "restricted-v2",
                    },
                },
                "spec": {
                    "serviceAccountName": SERVICE_ACCOUNT,
                    "enableServiceLinks": False,
                    "terminationGracePeriodSeconds": 30,
                    "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                    "affinity": _affinity(),
                    "containers": [_container()],
                    "volumes": [_certificate_volume()],
                },
            },
        },
    }


def _container() -> Obj:
    return {
        "name": "operator",
        "image": IMAGE,
        "command": ["cryostat-operator", "run", "--log-format", "json"],
        "env": list(_environment()),
        "ports": [
            {"name": "http", "containerPort": HTTP_PORT, "protocol": "TCP"},
            {"name": webhook_manifests.PORT_NAME, "containerPort": WEBHOOK_PORT, "protocol": "TCP"},
        ],
        "volumeMounts": [{"name": _CERTIFICATE_VOLUME, "mountPath": WEBHOOK_CERTIFICATES, "readOnly": True}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 20},
        # Each replica of a rollout is used two seconds after it is ready, and left out after 30 seconds of failures.
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": "http"},
            "periodSeconds": 2,
            "failureThreshold": 15,
        },
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "256Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }


def _certificate_volume() -> Obj:
    """The webhooks' certificate from cert-manager or OpenShift; without one, the operator generates a certificate."""
    return {"name": _CERTIFICATE_VOLUME, "secret": {"secretName": f"{NAME}-webhook-server-cert", "optional": True}}


def _environment() -> Iterator[Obj]:
    yield {"name": "OPERATOR_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}
    for variable, reference in IMAGES.values():
        yield {"name": variable, "value": reference}
    yield {"name": OPERATOR_IMAGE, "value": IMAGE}


def _affinity() -> Obj:
    """Prefer different nodes for the replicas, and exclude Windows nodes."""
    term = {"labelSelector": {"matchLabels": dict(SELECTOR)}, "topologyKey": "kubernetes.io/hostname"}
    preferred = [{"weight": 100, "podAffinityTerm": term}]
    return {
        "nodeAffinity": LINUX_NODES,
        "podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred},
    }


def disruption_budget() -> Obj:
    """Return the PodDisruptionBudget: one pod at a time, so that a node drain never blocks, even with one replica."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(DEPLOYMENT, NAMESPACE),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": dict(SELECTOR)}},
    }


def network_policy() -> Obj:
    """Return the NetworkPolicy that allows incoming connections to the operator's two ports only.

    Connections are allowed from everywhere: API server and kubelet are not pods, and their addresses differ between
    clusters. Outgoing connections are not restricted: the policy would need the address and port of the API server,
    which a manifest cannot know, and a wrong value would disconnect the operator.
    """
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(NAME, NAMESPACE),
        "spec": {
            "podSelector": {"matchLabels": dict(SELECTOR)},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"port": port, "protocol": "TCP"} for port in (WEBHOOK_PORT, HTTP_PORT)]}],
        },
    }
