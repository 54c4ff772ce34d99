"""The metrics Service, and the ServiceMonitor and alerts for clusters with the Prometheus operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Obj = dict[str, Any]

_SERVICE = "cryostat-operator-metrics-service"
_RULES = "cryostat-operator-alerts"
_READER = "cryostat-operator-metrics-scraper"
_PORT_NAME = "metrics"
_JOB = f'job="{_SERVICE}"'


class Alert(NamedTuple):
    """An alert: fires if its PromQL expression holds for a duration; `section` is an anchor in docs/conditions.md."""

    name: str
    expression: str
    for_duration: str
    severity: str
    summary: str
    section: str


_ALERTS = (
    Alert(
        "CryostatOperatorDown",
        f"absent(up{{{_JOB}}} == 1)",
        "5m",
        "critical",
        "No Cryostat operator is running: instances are not reconciled, and no Cryostat can be created or changed.",
        "the-operator-itself",
    ),
    Alert(
        "CryostatOperatorWithoutLeader",
        f"sum(leader_election_master_status{{{_JOB}}}) < 1",
        "2m",
        "critical",
        "No replica of the Cryostat operator is leader: instances are not reconciled, and their statuses are old.",
        "the-operator-itself",
    ),
    Alert(
        "CryostatOperatorCrashing",
        f'sum(rate(cryostat_operator_reconciles_total{{{_JOB},result="error"}}[10m])) > 0',
        "15m",
        "warning",
        "The Cryostat operator has internal errors; see its log.",
        "the-operator-itself",
    ),
    Alert(
        "CryostatOperatorRefused",
        f"sum by (reason) (increase(cryostat_operator_reconcile_errors_total{{{_JOB}}}[30m])) > 0",
        "30m",
        "warning",
        "The API server refuses writes of the Cryostat operator: {{ $labels.reason }}.",
        "reasons",
    ),
    Alert(
        "CryostatOperatorApiServerErrors",
        f'sum(rate(cryostat_operator_api_requests_total{{{_JOB},code=~"0|5.."}}[10m]))'
        f" / sum(rate(cryostat_operator_api_requests_total{{{_JOB}}}[10m])) > 0.1",
        "15m",
        "warning",
        "More than 10 % of the Cryostat operator's requests to the API server fail.",
        "reasons",
    ),
    Alert(
        "CryostatOperatorWebhooksFailing",
        f'sum by (path) (rate(cryostat_operator_webhook_duration_seconds_count{{{_JOB},code=~"5.."}}[10m])) > 0',
        "15m",
        "warning",
        "The Cryostat operator fails to answer admission reviews of {{ $labels.path }}.",
        "the-operator-itself",
    ),
)


def service(namespace: str, labels: Mapping[str, str], selector: Mapping[str, str], port: int) -> Obj:
    """Return the Service for the metrics of each replica."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _SERVICE, "namespace": namespace, "labels": {**labels, **METRICS_LABELS}},
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
            "endpoints": [_endpoint()],
        },
    }


def _endpoint() -> Obj:
    """Return how the metrics are read: with a token that permits nothing else.

    The name in the certificate and its authority depend on who issued it, so the certificate is not verified.
    """
    return {
        "port": _PORT_NAME,
        "path": "/metrics",
        "scheme": "https",
        "interval": "30s",
        "authorization": {"type": "Bearer", "credentials": {"name": f"{_READER}-token", "key": "token"}},
        "tlsConfig": {"insecureSkipVerify": True},
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


def prometheus_rule(namespace: str, labels: Mapping[str, str], documentation: str) -> Obj:
    """Return the alerts; each links to a section of the documentation at this URL."""
    group = {"name": "cryostat-operator", "rules": list(_rules(documentation))}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": _RULES, "namespace": namespace, "labels": dict(labels)},
        "spec": {"groups": [group]},
    }


# Label that only the metrics Service has, in addition to the labels of all objects.
METRICS_LABELS: Mapping[str, str] = {"app.kubernetes.io/component": "metrics"}


def _rules(documentation: str) -> Iterator[Obj]:
    for alert in _ALERTS:
        runbook = f"{documentation}/conditions.md#{alert.section}"
        yield {
            "alert": alert.name,
            "expr": alert.expression,
            "for": alert.for_duration,
            "labels": {"severity": alert.severity},
            "annotations": {"summary": alert.summary, "runbook_url": runbook},
        }
