"""The row about Cryostats: its expressions select them by the variables, and have one result for each."""

from __future__ import annotations

import pytest

from cryostat_operator import metric_table
from cryostat_operator.packaging.dashboard_instances import INSTANCE_LABELS, INSTANCES
from cryostat_operator.packaging.dashboard_panel import Kind, Panel
from tests.unit.packaging.panel_checks import OF_SAMPLE, check_results, check_selectors, names, title


@pytest.mark.parametrize("panel", INSTANCES.panels, ids=title)
def test_expressions_use_existing_metrics_and_labels(panel: Panel) -> None:
    check_selectors(panel)


@pytest.mark.parametrize("panel", INSTANCES.panels, ids=title)
def test_results_have_only_labels_of_the_metric(panel: Panel) -> None:
    check_results(panel)


def test_all_metrics_are_about_instances_and_shown() -> None:
    shown = {OF_SAMPLE[name] for panel in INSTANCES.panels for name in names(panel)}
    assert shown == set(metric_table.INSTANCE_METRICS)


def test_tables_begin_with_the_cryostat() -> None:
    tables = [panel for panel in INSTANCES.panels if panel.kind == Kind.TABLE]
    assert tables
    for panel in tables:
        assert tuple(panel.columns)[:2] == INSTANCE_LABELS, panel.title


def test_the_colors_of_certificates_change_at_seven_days() -> None:
    """The alert CryostatCertificateExpiresSoon has this limit, too."""
    panels = [panel for panel in INSTANCES.panels if "certificate" in panel.title.lower()]
    assert len(panels) == 2
    for panel in panels:
        assert [value for value, _ in panel.thresholds] == [None, 7, 30]
        assert panel.unit == "suffix:days"
