"""The parts of a panel of the Grafana dashboard. `dashboard.py` converts them to Grafana's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """A visualization of Grafana."""

    STAT = "stat"
    TABLE = "table"
    TIME_SERIES = "timeseries"
    STATE_TIMELINE = "state-timeline"


class Query(NamedTuple):
    """A PromQL expression, and the legend of its series or the title of its column."""

    expression: str
    legend: str


class Panel(NamedTuple):
    """A panel.

    Attributes:
        id: part of the URL of the panel; it never changes, and a removed one is not used again.
        title: what it shows, without a period.
        description: what the values mean, and what to do.
        kind: the visualization.
        queries: what it shows; a table has a column for each.
        unit: an id of Grafana's units.
        width: in columns; a row has 24.
        height: in Grafana's rows of 30 pixels.
        columns: for tables: label of the results → title, in the order of the columns.
        thresholds: (lower bound, color) in ascending order; the first one has no lower bound.
        texts: value → (text, color).
    """

    id: int
    title: str
    description: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: str
    width: int
    height: int = 8
    columns: Mapping[str, str] = {}
    thresholds: tuple[tuple[float | None, str], ...] = ((None, "green"),)
    texts: Mapping[int, tuple[str, str]] = {}


class Row(NamedTuple):
    """A row with a title, and its panels from left to right."""

    id: int
    title: str
    panels: tuple[Panel, ...]


NONE_IS_GOOD = ((None, "green"), (1, "red"))
ONE_IS_GOOD = ((None, "red"), (1, "green"))
YES_OR_NO = {0: ("No", "red"), 1: ("Yes", "green")}
OF_OPERATOR = 'job=~"$job"'
"""Selects the scraped replicas by the variable of the dashboard."""
STAT_HEIGHT = 4
"""Height of panels with a single value."""
