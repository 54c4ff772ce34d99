"""Queries, legends and thresholds of the panels fit their kind, and every metric is on a panel."""

from __future__ import annotations

import re

from cryostat_operator import metric_table
from cryostat_operator.packaging.dashboard import PANELS
from cryostat_operator.packaging.dashboard_panel import Kind
from tests.unit.packaging.panel_checks import OF_SAMPLE, names
from tests.unit.packaging.promql import selectors, without_variables


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
