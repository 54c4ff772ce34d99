"""How Prometheus finds the operator's metrics, and what it warns of: for clusters with the Prometheus operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Obj = dict[str, Any]

_SERVICE = "cryostat-operator-metrics-service"
_RULES = "cryostat-operator-alerts"
_PORT_NAME = "metrics"
_JOB = f'job="{_SERVICE}"'


class Alert(NamedTuple):
    """One alert: a PromQL expression that holds for some time, and a reason or section of docs/conditions.md."""

    name: str
    expression: str
    lasting: str
    severity: str
    summary: str
    section: str


_ALERTS = (
    Alert(
        "CryostatOperatorDown",
        f"absent(up{{{_JOB}}} == 1)",
        "5m",
        "critical",
        "No Cryostat operator answers: nothing is repaired, and no Cryostat can be created or changed.",
        "the-operator-itself",
    ),
    Alert(
        "CryostatOperatorCrashing",
        f'sum(rate(cryostat_operator_reconciles_total{{{_JOB},result="error"}}[10m])) > 0',
        "15m",
        "warning",
        "Runs of the Cryostat operator end in errors that it did not expect; its log names them.",
        "the-operator-itself",
    ),
    Alert(
        "CryostatOperatorRefused",
        f"sum by (reason) (increase(cryostat_operator_reconcile_errors_total{{{_JOB}}}[30m])) > 0",
        "30m",
        "warning",
        "Objects of a Cryostat cannot be written: {{ $labels.reason }}.",
        "reasons",
    ),
    Alert(
        "CryostatOperatorApiServerErrors",
        f'sum(rate(cryostat_operator_api_requests_total{{{_JOB},code=~"0|5.."}}[10m]))'
        f" / sum(rate(cryostat_operator_api_requests_total{{{_JOB}}}[10m])) > 0.1",
        "15m",
        "warning",
        "More than a tenth of the Cryostat operator's requests to the API server fail.",
        "reasons",
    ),
    Alert(
        "CryostatOperatorWebhooksFailing",
        f'sum by (path) (rate(cryostat_operator_webhook_duration_seconds_count{{{_JOB},code=~"5.."}}[10m])) > 0',
        "15m",
        "warning",
        "The Cryostat operator cannot answer reviews of {{ $labels.path }}.",
        "the-operator-itself",
    ),
)


def service(namespace: str, labels: Mapping[str, str], selector: Mapping[str, str], port: int) -> Obj:
    """The Service that names each replica's metrics; it stands in every cluster, with Prometheus or without."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": _SERVICE, "namespace": namespace, "labels": {**labels, **_MARK}},
        "spec": {
            "selector": dict(selector),
            "ports": [{"name": _PORT_NAME, "port": port, "targetPort": port, "protocol": "TCP"}],
        },
    }


def service_monitor(namespace: str, labels: Mapping[str, str]) -> Obj:
    """Has Prometheus read every replica."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "ServiceMonitor",
        "metadata": {"name": "cryostat-operator-metrics", "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "selector": {"matchLabels": {**labels, **_MARK}},
            "namespaceSelector": {"matchNames": [namespace]},
            "endpoints": [{"port": _PORT_NAME, "path": "/metrics", "scheme": "http", "interval": "30s"}],
        },
    }


def prometheus_rule(namespace: str, labels: Mapping[str, str], documentation: str) -> Obj:
    """What to be warned of; each alert links to what to do, below the URL of the documentation."""
    group = {"name": "cryostat-operator", "rules": list(_rules(documentation))}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": _RULES, "namespace": namespace, "labels": dict(labels)},
        "spec": {"groups": [group]},
    }


# Labels of the metrics Service alone, beside those of everything that is installed.
_MARK: Mapping[str, str] = {"app.kubernetes.io/component": "metrics"}


def _rules(documentation: str) -> Iterator[Obj]:
    for alert in _ALERTS:
        runbook = f"{documentation}/conditions.md#{alert.section}"
        yield {
            "alert": alert.name,
            "expr": alert.expression,
            "for": alert.lasting,
            "labels": {"severity": alert.severity},
            "annotations": {"summary": alert.summary, "runbook_url": runbook},
        }
