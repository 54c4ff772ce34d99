"""Recording rules and alerts: the PrometheusRule. Each alert has a section in docs/troubleshooting.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .. import metric_table as table
from .monitoring import SERVICE

Obj = dict[str, Any]

NAME = "cryostat-operator-alerts"
JOB = f'job="{SERVICE}"'
_INSTANCE = ", ".join(table.INSTANCE_READY.label_names)
# Templates for messages: labels and the value of a result.
CRYOSTAT = "{{ $labels.cryostat_namespace }}/{{ $labels.cryostat_name }}"
CERTIFICATE = "{{ $labels.certificate }}"
REASON = "{{ $labels.reason }}"
TARGET = "{{ $labels.target_namespace }}"
PERCENT = "{{ $value | humanizePercentage }}"
DURATION = "{{ $value | humanizeDuration }}"
_TEN_MINUTES = "10m"


class RecordingRule(NamedTuple):
    """A series that Prometheus computes from others; its name has the form level:metric:operation."""

    name: str
    expression: str


class Alert(NamedTuple):
    """An alert.

    Attributes:
        name: its name; in lower case the anchor of its section in docs/troubleshooting.md.
        expression: PromQL; the alert is about each result.
        for_duration: how long a result must last.
        severity: `critical`, `warning` or `info`.
        summary: what is wrong, in one sentence.
        description: the consequence, and what to do.
    """

    name: str
    expression: str
    for_duration: str
    severity: str
    summary: str
    description: str


_READY = "cryostat:instance_ready:min"
_CERTIFICATE_REMAINING = "cryostat:certificate_remaining_seconds:min"
_REQUESTED = "cryostat:volume_requested_bytes:max"

RECORDING_RULES = (
    RecordingRule(_READY, f"min by ({_INSTANCE}) ({table.INSTANCE_READY.name}{{{JOB}}})"),
    RecordingRule(
        _CERTIFICATE_REMAINING,
        f"min by ({_INSTANCE}, certificate) ({table.CERTIFICATE_NOT_AFTER.name}{{{JOB}}}) - time()",
    ),
    # With the labels of the metrics of kubelets.
    RecordingRule(
        _REQUESTED,
        f"max by (namespace, persistentvolumeclaim, {_INSTANCE}) (label_replace("
        f'{table.VOLUME_REQUESTED.name}{{{JOB}}}, "namespace", "$1", "cryostat_namespace", "(.+)"))',
    ),
    RecordingRule(
        "cryostat_operator:reconciles:rate5m", f"sum by (result) (rate({table.RECONCILES.name}{{{JOB}}}[5m]))"
    ),
    RecordingRule(
        "cryostat_operator:reconcile_duration_seconds:p99_5m",
        f"histogram_quantile(0.99, sum by (le) (rate({table.RECONCILE_DURATION.name}_bucket{{{JOB}}}[5m])))",
    ),
)

OPERATOR_ALERTS = (
    Alert(
        "CryostatOperatorDown",
        f"absent(up{{{JOB}}} == 1)",
        "5m",
        "critical",
        "No Cryostat operator is running.",
        "Instances are not reconciled, and no Cryostat can be created or changed. Check the pods of the operator.",
    ),
    Alert(
        "CryostatOperatorWithoutLeader",
        f"sum({table.LEADER.name}{{{JOB}}}) < 1",
        "2m",
        "critical",
        "No replica of the Cryostat operator is leader.",
        "Instances are not reconciled, and their statuses are old. Check the Lease and the log of the operator.",
    ),
    Alert(
        "CryostatOperatorWatchSilent",
        f"max({table.WATCH_SILENCE.name}{{{JOB}}}) > 300",
        "5m",
        "warning",
        "The Cryostat operator has received nothing from the API server for five minutes.",
        "It may act on an old state. A replica restarts after ten minutes. Check the API server and its network.",
    ),
    Alert(
        "CryostatOperatorCrashing",
        f'sum(rate({table.RECONCILES.name}{{{JOB},result="error"}}[10m])) > 0',
        "15m",
        "warning",
        "The Cryostat operator has internal errors.",
        "Affected Cryostats have the condition Ready with the reason InternalError. See the log of the operator.",
    ),
    Alert(
        "CryostatOperatorRefused",
        f"sum by (reason) (increase({table.RECONCILE_ERRORS.name}{{{JOB}}}[30m])) > 0",
        "30m",
        "warning",
        "The API server refuses writes of the Cryostat operator: {{ $labels.reason }}.",
        "Objects of a Cryostat are not as its spec requests. Its condition Reconciled names the object and the cause.",
    ),
    Alert(
        "CryostatOperatorApiServerErrors",
        f'sum(rate({table.API_REQUESTS.name}{{{JOB},code=~"0|5.."}}[10m]))'
        f" / sum(rate({table.API_REQUESTS.name}{{{JOB}}}[10m])) > 0.1",
        "15m",
        "warning",
        "More than 10 % of the Cryostat operator's requests to the API server fail.",
        f"In the last ten minutes {PERCENT} failed. The operator retries. Check the API server.",
    ),
    Alert(
        "CryostatOperatorWebhooksFailing",
        f'sum by (path) (rate({table.WEBHOOK_DURATION.name}_count{{{JOB},code=~"5.."}}[10m])) > 0',
        "15m",
        "warning",
        "The webhook {{ $labels.path }} of the Cryostat operator answers with errors.",
        "Cryostats cannot be created or changed, or pods start without the agent. The cause is in the log of the "
        "operator.",
    ),
    Alert(
        "CryostatOperatorWebhookUnreachable",
        f"min({table.WEBHOOK_REACHABLE.name}{{{JOB}}}) == 0",
        _TEN_MINUTES,
        "critical",
        "The API server cannot call the webhooks of the Cryostat operator.",
        "No Cryostat can be created or changed, and pods start without the agent. Check firewalls and NetworkPolicies "
        "between the API server and the operator.",
    ),
)

INSTANCE_ALERTS = (
    Alert(
        "CryostatNotReady",
        f"{_READY} == 0 unless on ({_INSTANCE})"
        f' {table.INSTANCE_CONDITION.name}{{{JOB},condition="Ready",reason=~"Paused|Hibernated|Deleting"}}',
        "15m",
        "warning",
        f"Cryostat {CRYOSTAT} is not ready.",
        "The condition Ready has the reason "
        "{{ range printf \"max by (reason) (cryostat_instance_condition{condition='Ready',cryostat_namespace='%s',"
        "cryostat_name='%s'})\" $labels.cryostat_namespace $labels.cryostat_name | query }}{{ .Labels.reason }} "
        "{{ end }}for 15 minutes. `kubectl cryostat status {{ $labels.cryostat_name }} -n "
        "{{ $labels.cryostat_namespace }}` shows the cause and the next command.",
    ),
    Alert(
        "CryostatSpecNotProcessed",
        f"max by ({_INSTANCE}) ({table.INSTANCE_SPEC_OBSERVED.name}{{{JOB}}}) == 0",
        _TEN_MINUTES,
        "warning",
        f"The spec of Cryostat {CRYOSTAT} has not been processed for ten minutes.",
        "The status is about the former spec. Check that a replica of the operator is leader, and its log.",
    ),
    Alert(
        "CryostatVolumeNotReady",
        f"max by ({_INSTANCE}, reason)"
        f' ({table.INSTANCE_CONDITION.name}{{{JOB},condition="VolumesReady",status="False"}}) == 1',
        "15m",
        "warning",
        f"A volume of Cryostat {CRYOSTAT} is not as requested: {REASON}.",
        "The condition VolumesReady names the PersistentVolumeClaim, the cause and the remedy.",
    ),
    Alert(
        "CryostatVolumeAlmostFull",
        "max by (namespace, persistentvolumeclaim)"
        " (kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes)"
        f" * on (namespace, persistentvolumeclaim) group_left ({_INSTANCE}) ({_REQUESTED} >= bool 0) < 0.1",
        "15m",
        "warning",
        f"A volume of Cryostat {CRYOSTAT} has {PERCENT} left.",
        "PersistentVolumeClaim {{ $labels.persistentvolumeclaim }} is almost full. When it is full, recordings or "
        "the database cannot be written. Delete recordings, or request a larger volume.",
    ),
    Alert(
        "CryostatCertificateExpiresSoon",
        f"{_CERTIFICATE_REMAINING} < 7 * 86400",
        "1h",
        "warning",
        f"The certificate {CERTIFICATE} of Cryostat {CRYOSTAT} expires in {DURATION}.",
        "It should have been renewed. The condition TLSSetupComplete has the cause; with cert-manager check its "
        "controller.",
    ),
    Alert(
        "CryostatCertificateExpired",
        f"{_CERTIFICATE_REMAINING} <= 0",
        "0m",
        "critical",
        f"The certificate {CERTIFICATE} of Cryostat {CRYOSTAT} has expired.",
        "Components or agents refuse connections. The condition TLSSetupComplete has the cause.",
    ),
    Alert(
        "CryostatAgentsNotAdded",
        f"sum by ({_INSTANCE}, target_namespace)"
        f' (increase({table.AGENT_INJECTIONS.name}{{{JOB},result!="added"}}[30m])) > 0',
        "0m",
        "info",
        "Pods were created without the Cryostat agent that their labels request.",
        f"Cryostat: {CRYOSTAT}. Target namespace: {TARGET}. A name is empty if the labels of the pods name no existing "
        "Cryostat, or their namespace is not a target namespace. The events AgentNotAdded of the Cryostat have the "
        "cause.",
    ),
    Alert(
        "CryostatPaused",
        f"max by ({_INSTANCE})"
        f' ({table.INSTANCE_CONDITION.name}{{{JOB},condition="ReconciliationActive",status="False"}}) == 1',
        "1d",
        "info",
        f"Cryostat {CRYOSTAT} has been paused for a day.",
        "The operator does not repair or change its objects. Remove the annotation "
        "operator.cryostat.io/pause-reconciliation to continue.",
    ),
)

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
