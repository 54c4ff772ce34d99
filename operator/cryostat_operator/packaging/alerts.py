"""The PrometheusRule: recording rules and alerts. Each alert has a section in docs/troubleshooting.md."""

from __future__ import annotations

from collections.abc import Mapping

from ..plan.model.kinds import Obj
from .alert_rules import RECORDING_RULES, Alert
from .alerts_instances import INSTANCE_ALERTS
from .alerts_operator import OPERATOR_ALERTS

NAME = "cryostat-operator-alerts"
ALERTS = (*OPERATOR_ALERTS, *INSTANCE_ALERTS)


def prometheus_rule(namespace: str, labels: Mapping[str, str], documentation: str) -> Obj:
    """Return the rules; each alert links to its section of the documentation at this URL."""
    instance_rules = [*_recording("cryostat:"), *(_alert(each, documentation) for each in INSTANCE_ALERTS)]
    operator_rules = [*_recording("cryostat_operator:"), *(_alert(each, documentation) for each in OPERATOR_ALERTS)]
    groups = [
        {"name": "cryostat-operator", "rules": operator_rules},
        {"name": "cryostat-instances", "rules": instance_rules},
    ]
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": NAME, "namespace": namespace, "labels": dict(labels)},
        "spec": {"groups": groups},
    }


def _recording(level: str) -> list[Obj]:
    return [{"record": each.name, "expr": each.expression} for each in RECORDING_RULES if each.name.startswith(level)]


def _alert(alert: Alert, documentation: str) -> Obj:
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.for_duration,
        "labels": {"severity": alert.severity},
        "annotations": {
            "summary": alert.summary,
            "description": alert.description,
            "runbook_url": f"{documentation}/troubleshooting.md#{alert.name.lower()}",
        },
    }
