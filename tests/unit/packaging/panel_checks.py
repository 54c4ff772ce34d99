"""Checks of a panel of the dashboard against the table of metrics."""

from __future__ import annotations

import re

from cryostat_operator import metric_table
from cryostat_operator.packaging.dashboard_panel import Panel
from tests.unit.packaging.promql import METRICS, selectors, without_variables

OF_SAMPLE = {sample: metric for metric in metric_table.METRICS for sample in metric.samples}


def title(panel: Panel) -> str:
    return panel.title


def names(panel: Panel) -> set[str]:
    """The names of the series that a panel shows."""
    return {each.name for query in panel.queries for each in selectors(without_variables(query.expression))}


def check_selectors(panel: Panel) -> None:
    """Expects existing metrics and labels, and the variables of the operator and, for its metrics, of the instance."""
    for query in panel.queries:
        found = selectors(without_variables(query.expression))
        assert found
        for each in found:
            assert each.name in METRICS
            metric = OF_SAMPLE[each.name]
            assert set(each.labels) <= {*metric.label_names, "job"}
            assert each.labels["job"] == ".+", "the variable of the operator"
            if metric in metric_table.INSTANCE_METRICS:
                assert {"cryostat_namespace", "cryostat_name"} <= set(each.labels), "the variables of the instance"


def check_results(panel: Panel) -> None:
    """Expects that legends and columns use only labels of the metric that the results have."""
    for query in panel.queries:
        allowed = {"le", *(label for name in names(panel) for label in OF_SAMPLE[name].label_names)}
        grouped = {label for labels in re.findall(r"by \(([^)]*)\)", query.expression) for label in labels.split(", ")}
        assert grouped <= allowed
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= grouped
        assert set(panel.columns) <= grouped
