"""The row about the operator: its expressions select replicas, and quantiles come from buckets."""

from __future__ import annotations

import re

import pytest

from cryostat_operator import metric_table
from cryostat_operator.packaging.dashboard_operator import OPERATOR
from cryostat_operator.packaging.dashboard_panel import Panel
from tests.unit.packaging.panel_checks import OF_SAMPLE, check_results, check_selectors, names, title


@pytest.mark.parametrize("panel", OPERATOR.panels, ids=title)
def test_expressions_use_existing_metrics_and_labels(panel: Panel) -> None:
    check_selectors(panel)


@pytest.mark.parametrize("panel", OPERATOR.panels, ids=title)
def test_results_have_only_labels_of_the_metric(panel: Panel) -> None:
    check_results(panel)


def test_all_metrics_are_about_the_operator() -> None:
    shown = {OF_SAMPLE[name] for panel in OPERATOR.panels for name in names(panel)}
    assert not shown & set(metric_table.INSTANCE_METRICS)


def test_panels_of_durations_show_the_median_and_two_high_percentiles() -> None:
    panels = [panel for panel in OPERATOR.panels if panel.title.startswith("Duration of ")]
    assert len(panels) == 3
    for panel in panels:
        assert [query.legend for query in panel.queries] == ["p50", "p95", "p99"]
        quantiles = [
            re.findall(r"^histogram_quantile\((0\.\d+), sum by \(le\)", each.expression) for each in panel.queries
        ]
        assert quantiles == [["0.5"], ["0.95"], ["0.99"]]
        assert all(name.endswith("_bucket") for name in names(panel))
        assert panel.unit == "s"
