"""The expressions of the dashboard use only metrics and labels of the operator, and every metric of an instance."""

from __future__ import annotations

import re

import pytest

from cryostat_operator import metric_table
from cryostat_operator.packaging.dashboard import PANELS
from cryostat_operator.packaging.dashboard_panel import Kind, Panel
from tests.unit.packaging.promql import METRICS, selectors, without_variables

OF_SAMPLE = {sample: metric for metric in metric_table.METRICS for sample in metric.samples}


def title(panel: Panel) -> str:
    return panel.title


def names(panel: Panel) -> set[str]:
    return {each.name for query in panel.queries for each in selectors(without_variables(query.expression))}


@pytest.mark.parametrize("panel", PANELS, ids=title)
def test_expressions_use_existing_metrics_and_labels(panel: Panel) -> None:
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


@pytest.mark.parametrize("panel", PANELS, ids=title)
def test_results_have_only_labels_of_the_metric(panel: Panel) -> None:
    for query in panel.queries:
        allowed = {"le", *(label for name in names(panel) for label in OF_SAMPLE[name].label_names)}
        grouped = {label for labels in re.findall(r"by \(([^)]*)\)", query.expression) for label in labels.split(", ")}
        assert grouped <= allowed
        assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= grouped
        assert set(panel.columns) <= grouped


def test_every_metric_is_on_a_panel() -> None:
    shown = {OF_SAMPLE[name] for panel in PANELS for name in names(panel)}
    assert set(metric_table.METRICS) == shown


def test_rates_are_used_only_for_counters() -> None:
    for panel in PANELS:
        for query in panel.queries:
            for each in selectors(without_variables(query.expression)):
                is_counter = OF_SAMPLE[each.name].type != metric_table.MetricType.GAUGE
                assert bool(re.search(rf"(rate|increase)\({each.name}", query.expression)) == is_counter


def test_replicas_are_aggregated() -> None:
    """Every replica exposes all metrics."""
    aggregated = re.compile(r"(min|max|sum)( by \([^)]*\))? ?\(")
    for panel in PANELS:
        assert all(aggregated.search(query.expression) for query in panel.queries), panel.title


def test_series_have_a_legend_and_tables_have_columns() -> None:
    for panel in PANELS:
        assert bool(panel.columns) == (panel.kind == Kind.TABLE), panel.title
        if panel.kind != Kind.TABLE:
            assert all(query.legend for query in panel.queries), panel.title
        assert len({query.legend for query in panel.queries}) == len(panel.queries)


def test_thresholds_ascend() -> None:
    for panel in PANELS:
        first, *others = [value for value, _ in panel.thresholds]
        assert first is None
        assert others == sorted(value for value in others if value is not None)
