"""The metrics Service, and the ServiceMonitor for clusters with the Prometheus operator."""

from __future__ import annotations

from collections.abc import Mapping

from ..pki import serving
from ..plan.model.kinds import Obj
from ..settings import Settings

SERVICE = "cryostat-operator-metrics-service"
_READER = "cryostat-operator-metrics-scraper"
_PORT_NAME = "metrics"
# Label that only the metrics Service has, in addition to the labels of all objects.
METRICS_LABELS: Mapping[str, str] = {"app.kubernetes.io/component": "metrics"}


def service(namespace: str, labels: Mapping[str, str], selector: Mapping[str, str], port: int) -> Obj:
    """Return the Service for the metrics of each replica."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": namespace, "labels": {**labels, **METRICS_LABELS}},
        "spec": {
            "selector": dict(selector),
            "ports": [{"name": _PORT_NAME, "port": port, "targetPort": port, "protocol": "TCP"}],
        },
    }


def service_monitor(namespace: str, labels: Mapping[str, str]) -> Obj:
    """Return the ServiceMonitor, by which Prometheus scrapes every replica."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "cryostat-operator-metrics", "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "selector": {"matchLabels": {**labels, **METRICS_LABELS}},
            "namespaceSelector": {"matchNames": [namespace]},
            "endpoints": [_endpoint(namespace)],
        },
    }


def _endpoint(namespace: str) -> Obj:
    """Return how the metrics are read: with a token that permits nothing else, after a check of the certificate.

    The authority is that of the certificate which the operator generates. Overlays name that of other issuers.
    """
    settings = Settings()
    return {
        "port": _PORT_NAME,
        "path": "/metrics",
        "scheme": "https",
        "interval": "30s",
        "authorization": {"type": "Bearer", "credentials": {"name": f"{_READER}-token", "key": "token"}},
        "tlsConfig": {
            "serverName": f"{settings.webhook_service}.{namespace}.svc",
            "ca": {"secret": {"name": settings.webhook_secret, "key": serving.CA_BUNDLE}},
        },
    }


def metrics_reader(namespace: str, labels: Mapping[str, str]) -> list[Obj]:
    """Return a ServiceAccount that may read the metrics and nothing else, and its token for Prometheus."""
    rbac = "rbac.authorization.k8s.io"
    head = {"name": _READER, "labels": dict(labels)}
    token = {"kubernetes.io/service-account.name": _READER}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {**head, "namespace": namespace}},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {**head, "name": f"{_READER}-token", "namespace": namespace, "annotations": token},
            "type": "kubernetes.io/service-account-token",
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRole",
            "metadata": head,
            "rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": head,
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": _READER},
            "subjects": [{"kind": "ServiceAccount", "name": _READER, "namespace": namespace}],
        },
    ]
