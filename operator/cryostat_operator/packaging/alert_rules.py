"""Parts of alerts: their type, templates of messages, and the recording rules that they use."""

from __future__ import annotations

from typing import NamedTuple

from .. import metric_table as table
from .monitoring import SERVICE

JOB = f'job="{SERVICE}"'
INSTANCE = ", ".join(table.INSTANCE_READY.label_names)
# Templates for messages: labels and the value of a result.
CRYOSTAT = "{{ $labels.cryostat_namespace }}/{{ $labels.cryostat_name }}"
CERTIFICATE = "{{ $labels.certificate }}"
REASON = "{{ $labels.reason }}"
TARGET = "{{ $labels.target_namespace }}"
PERCENT = "{{ $value | humanizePercentage }}"
DURATION = "{{ $value | humanizeDuration }}"


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


# Names of series that alerts use.
READY = "cryostat:instance_ready:min"
CERTIFICATE_REMAINING = "cryostat:certificate_remaining_seconds:min"
REQUESTED = "cryostat:volume_requested_bytes:max"

RECORDING_RULES = (
    RecordingRule(READY, f"min by ({INSTANCE}) ({table.INSTANCE_READY.name}{{{JOB}}})"),
    RecordingRule(
        CERTIFICATE_REMAINING,
        f"min by ({INSTANCE}, certificate) ({table.CERTIFICATE_NOT_AFTER.name}{{{JOB}}}) - time()",
    ),
    # With the labels of the metrics of kubelets.
    RecordingRule(
        REQUESTED,
        f"max by (namespace, persistentvolumeclaim, {INSTANCE}) (label_replace("
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
