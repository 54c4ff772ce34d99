"""All metrics: names, labels and help texts. `docs/metrics.md` contains this table."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class MetricType(StrEnum):
    """The type of a metric in the text format of Prometheus."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Label:
    """A label of a metric.

    Attributes:
        name: its name.
        values: its values in words, for the documentation.
    """

    name: str
    values: str


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: its name as it is sampled. A histogram is sampled as `_bucket`, `_sum` and `_count`.
        type: its type.
        help: one sentence without a period.
        labels: its labels.
        buckets: upper bounds of a histogram in the unit of its name.
    """

    name: str
    type: MetricType
    help: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = field(default=(), repr=False)

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of the labels, in the order of their values."""
        return tuple(label.name for label in self.labels)

    @property
    def samples(self) -> frozenset[str]:
        """The names under which it is sampled."""
        if self.type != MetricType.HISTOGRAM:
            return frozenset({self.name})
        return frozenset(f"{self.name}_{suffix}" for suffix in ("bucket", "sum", "count"))


# Not `namespace`: Prometheus sets this label itself, to the namespace of the operator, and would rename another one.
_INSTANCE = (Label("cryostat_namespace", "namespace of the Cryostat"), Label("cryostat_name", "name of the Cryostat"))
_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)
_REQUEST_SECONDS = (0.002, *_SECONDS[1:])
_REVIEW_SECONDS = (*_SECONDS[:-1], 10)

INSTANCE_READY = Metric(
    "cryostat_instance_ready",
    MetricType.GAUGE,
    "1 if the condition Ready of the Cryostat is True, else 0",
    _INSTANCE,
)
INSTANCE_SPEC_OBSERVED = Metric(
    "cryostat_instance_spec_observed",
    MetricType.GAUGE,
    "1 if the status is about the newest spec, 0 if the operator has not processed it yet",
    _INSTANCE,
)
INSTANCE_CONDITION = Metric(
    "cryostat_instance_condition",
    MetricType.GAUGE,
    "1 for the current status and reason of each condition of the Cryostat; other combinations have no sample",
    (
        *_INSTANCE,
        Label("condition", "type of the condition, without those that are copied from Deployments"),
        Label("status", "`True`, `False`, `Unknown`"),
        Label("reason", "reason of the condition; `Other` if the operator does not know it"),
    ),
)
CERTIFICATE_NOT_AFTER = Metric(
    "cryostat_instance_certificate_not_after_timestamp_seconds",
    MetricType.GAUGE,
    "Time at which a certificate of the instance expires, in seconds since 1970",
    (
        *_INSTANCE,
        Label("certificate", "`ca`, `application`, `agent-gateway`, `database`, `storage`, `reports`; `agents`: of "
              "the certificates of agents in all target namespaces, the one that expires first"),
    ),
)  # fmt: skip
VOLUME_REQUESTED = Metric(
    "cryostat_instance_volume_requested_bytes",
    MetricType.GAUGE,
    "Size that a PersistentVolumeClaim of the instance requests",
    (*_INSTANCE, Label("persistentvolumeclaim", "name of the claim")),
)
AGENT_INJECTIONS = Metric(
    "cryostat_instance_agent_injections_total",
    MetricType.COUNTER,
    "New pods whose labels request the agent, counted by this replica since it started",
    (
        Label("cryostat_namespace", "namespace of the Cryostat; empty if there is no such Cryostat"),
        Label("cryostat_name", "name of the Cryostat; empty if there is no such Cryostat"),
        Label("target_namespace", "namespace of the pods; empty if it is no target namespace"),
        Label("result", "`added`, `not_added`, `failed`"),
    ),
)
RECONCILES = Metric(
    "cryostat_operator_reconciles_total",
    MetricType.COUNTER,
    "Reconciles by result",
    (Label("result", "`ok`; `retry`: a write was refused or the API server did not answer; `error`: internal error"),),
)
RECONCILE_DURATION = Metric(
    "cryostat_operator_reconcile_duration_seconds",
    MetricType.HISTOGRAM,
    "Duration of one reconcile in seconds",
    buckets=_SECONDS,
)
RECONCILE_ERRORS = Metric(
    "cryostat_operator_reconcile_errors_total",
    MetricType.COUNTER,
    "Refused writes by reason",
    (Label("reason", "a reason of conditions, see [conditions](conditions.md#reasons)"),),
)
QUEUE_DEPTH = Metric(
    "cryostat_operator_queue_depth", MetricType.GAUGE, "Cryostats to reconcile now or within ten seconds"
)
INSTANCES = Metric("cryostat_operator_instances", MetricType.GAUGE, "Cryostats known to the operator")
WATCH_SILENCE = Metric(
    "cryostat_operator_watch_silence_seconds",
    MetricType.GAUGE,
    "Longest time in seconds for which a required watch has received no message",
)
API_REQUESTS = Metric(
    "cryostat_operator_api_requests_total",
    MetricType.COUNTER,
    "Requests to the API server",
    (Label("verb", "HTTP method, or `WATCH`"), Label("code", "HTTP status; `0`: no answer")),
)
API_REQUEST_DURATION = Metric(
    "cryostat_operator_api_request_duration_seconds",
    MetricType.HISTOGRAM,
    "Duration of requests to the API server in seconds",
    (Label("verb", "HTTP method"),),
    _REQUEST_SECONDS,
)
# The name that client-go uses, so that common alerts work.
LEADER = Metric(
    "leader_election_master_status",
    MetricType.GAUGE,
    "1 if this replica is leader, else 0",
    (Label("name", "name of the Lease"),),
)
WEBHOOK_REACHABLE = Metric(
    "cryostat_operator_webhook_reachable", MetricType.GAUGE, "1 if the API server can call the webhooks, else 0"
)
WEBHOOK_REQUESTS = Metric(
    "cryostat_operator_webhook_requests_total",
    MetricType.COUNTER,
    "Webhook requests by whether the caller presented a client certificate of the API server",
    (
        Label("path", "path of the webhook; for `/convert`, the API server presents no certificate"),
        Label("caller", "`api_server`, `unverified`"),
    ),
)
WEBHOOK_DURATION = Metric(
    "cryostat_operator_webhook_duration_seconds",
    MetricType.HISTOGRAM,
    "Duration of webhook requests in seconds",
    (Label("path", "path of the webhook"), Label("code", "HTTP status")),
    _REVIEW_SECONDS,
)

INSTANCE_METRICS = (
    INSTANCE_READY,
    INSTANCE_SPEC_OBSERVED,
    INSTANCE_CONDITION,
    CERTIFICATE_NOT_AFTER,
    VOLUME_REQUESTED,
    AGENT_INJECTIONS,
)
"""Metrics of each existing Cryostat."""

OPERATOR_METRICS = (
    RECONCILES,
    RECONCILE_DURATION,
    RECONCILE_ERRORS,
    QUEUE_DEPTH,
    INSTANCES,
    WATCH_SILENCE,
    API_REQUESTS,
    API_REQUEST_DURATION,
    LEADER,
    WEBHOOK_REACHABLE,
    WEBHOOK_REQUESTS,
    WEBHOOK_DURATION,
)
"""Metrics of the operator itself."""

METRICS = (*INSTANCE_METRICS, *OPERATOR_METRICS)
