"""The series that a PromQL expression selects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import promql_parser

from cryostat_operator import metric_table
from cryostat_operator.packaging import alert_rules

METRICS = frozenset(sample for metric in metric_table.METRICS for sample in metric.samples)
RECORDED = frozenset(rule.name for rule in alert_rules.RECORDING_RULES)
OF_OTHERS = frozenset({"up", "kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes"})


# Variables of the dashboard and of Grafana, with values that Grafana could insert.
_VARIABLES = {"$__rate_interval": "5m", "$__range": "6h", "$job": ".+", "$namespace": ".*", "$name": "a|b"}


class Selector(NamedTuple):
    """The name of the selected series, and the required values of labels."""

    name: str
    labels: dict[str, str]


def selectors(expression: str) -> list[Selector]:
    """The selectors of an expression.

    Raises:
        ValueError: the expression is not PromQL.
    """
    return [_selector(node) for node in _nodes(promql_parser.parse(expression))]


def without_variables(expression: str) -> str:
    """The expression of a dashboard as Grafana sends it to Prometheus."""
    for variable, value in _VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression


def _selector(node: Any) -> Selector:
    return Selector(node.name, {matcher.name: matcher.value for matcher in node.matchers.matchers})


def _nodes(node: Any) -> Iterator[Any]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from _nodes(child)
    for child in getattr(node, "args", None) or ():
        yield from _nodes(child)


def result_labels(expression: str) -> set[str]:
    """The labels that all results of an expression have: those of its outermost aggregations or recorded series."""
    left = expression.split(" unless ")[0]
    grouped = re.findall(r"(?:by|group_left) \(([^)]*)\)", left)
    if not grouped:
        grouped = [
            labels
            for rule in alert_rules.RECORDING_RULES
            if rule.name in {each.name for each in selectors(expression)}
            for labels in re.findall(r"^\w+ by \(([^)]*)\)", rule.expression)
        ]
    return {label for labels in grouped for label in labels.split(", ")}


def alert_labels(alert: alert_rules.Alert) -> set[str]:
    """The labels that the messages of an alert use."""
    return set(re.findall(r"\$labels\.(\w+)", alert.summary + alert.description))
