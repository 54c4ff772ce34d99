"""The row of the Grafana dashboard about the operator itself."""

from __future__ import annotations

from .. import metric_table as table
from .dashboard_panel import OF_OPERATOR, ONE_IS_GOOD, STAT_HEIGHT, YES_OR_NO, Kind, Panel, Query, Row


def _rate(metric: table.Metric, labels: str) -> str:
    return f"sum by ({labels}) (rate({metric.name}{{{OF_OPERATOR}}}[$__rate_interval]))"


def _quantiles(metric: table.Metric) -> tuple[Query, ...]:
    rate = f"sum by (le) (rate({metric.name}_bucket{{{OF_OPERATOR}}}[$__rate_interval]))"
    return tuple(Query(f"histogram_quantile({each / 100}, {rate})", f"p{each}") for each in (50, 95, 99))


OPERATOR = Row(
    20,
    "Operator",
    (
        Panel(
            21,
            "Replicas that are leader",
            "Only the leader reconciles. 0 for minutes: check the Lease and the log of the operator.",
            Kind.STAT,
            (Query(f"sum({table.LEADER.name}{{{OF_OPERATOR}}})", "leader"),),
            "none",
            width=6,
            height=STAT_HEIGHT,
            thresholds=ONE_IS_GOOD,
        ),
        Panel(
            22,
            "Cryostats known",
            "Number of Cryostats in all namespaces of the operator.",
            Kind.STAT,
            (Query(f"max({table.INSTANCES.name}{{{OF_OPERATOR}}})", "Cryostats"),),
            "none",
            width=6,
            height=STAT_HEIGHT,
        ),
        Panel(
            23,
            "API server can call the webhooks",
            "If it is No, no Cryostat can be created or changed, and pods start without the agent.",
            Kind.STAT,
            (Query(f"min({table.WEBHOOK_REACHABLE.name}{{{OF_OPERATOR}}})", "reachable"),),
            "none",
            width=6,
            height=STAT_HEIGHT,
            thresholds=ONE_IS_GOOD,
            texts=YES_OR_NO,
        ),
        Panel(
            24,
            "Last message of watches",
            "Longest time for which a watch has received no message. A replica restarts after ten minutes.",
            Kind.STAT,
            (Query(f"max({table.WATCH_SILENCE.name}{{{OF_OPERATOR}}})", "silence"),),
            "s",
            width=6,
            height=STAT_HEIGHT,
            thresholds=((None, "green"), (300, "red")),
        ),
        Panel(
            25,
            "Reconciles by result",
            "`ok`; `retry`: a write was refused or the API server did not answer; `error`: internal error.",
            Kind.TIME_SERIES,
            (Query(_rate(table.RECONCILES, "result"), "{{result}}"),),
            "ops",
            width=12,
        ),
        Panel(
            26,
            "Duration of reconciles",
            "Median, 95th and 99th percentile of all reconciles.",
            Kind.TIME_SERIES,
            _quantiles(table.RECONCILE_DURATION),
            "s",
            width=12,
        ),
        Panel(
            27,
            "Queue depth",
            "Cryostats to reconcile now or within ten seconds. It grows if the operator is too slow.",
            Kind.TIME_SERIES,
            (Query(f"max({table.QUEUE_DEPTH.name}{{{OF_OPERATOR}}})", "Cryostats"),),
            "short",
            width=12,
        ),
        Panel(
            28,
            "Refused writes by reason",
            "The condition Reconciled of the Cryostat names the object and the cause.",
            Kind.TIME_SERIES,
            (Query(_rate(table.RECONCILE_ERRORS, "reason"), "{{reason}}"),),
            "ops",
            width=12,
        ),
        Panel(
            29,
            "Requests to the API server by status",
            "HTTP status of the answers. `0`: no answer.",
            Kind.TIME_SERIES,
            (Query(_rate(table.API_REQUESTS, "code"), "{{code}}"),),
            "reqps",
            width=12,
        ),
        Panel(
            30,
            "Duration of requests to the API server",
            "Median, 95th and 99th percentile of all requests without watches.",
            Kind.TIME_SERIES,
            _quantiles(table.API_REQUEST_DURATION),
            "s",
            width=12,
        ),
        Panel(
            31,
            "Webhook requests by path and status",
            "Requests to the webhooks. If the status is 500 or more, see the log of the operator. `api_server`: the "
            "caller presented a client certificate of the API server.",
            Kind.TIME_SERIES,
            (Query(
                f"sum by (path, code) (rate({table.WEBHOOK_DURATION.name}_count{{{OF_OPERATOR}}}[$__rate_interval]))",
                "{{path}} {{code}}",
            ), Query(_rate(table.WEBHOOK_REQUESTS, "caller"), "{{caller}}")),
            "reqps",
            width=12,
        ),
        Panel(
            32,
            "Duration of webhook requests",
            "Median, 95th and 99th percentile of all webhook requests.",
            Kind.TIME_SERIES,
            _quantiles(table.WEBHOOK_DURATION),
            "s",
            width=12,
        ),
    ),
)  # fmt: skip
