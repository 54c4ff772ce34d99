"""The Grafana dashboard: its JSON, and the ConfigMap in which the sidecar of Grafana finds it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from .. import metric_table as table
from ..plan.model.kinds import Obj
from .dashboard_instances import INSTANCE_LABELS, INSTANCES
from .dashboard_operator import OPERATOR
from .dashboard_panel import OF_OPERATOR, Kind, Panel, Row

FILE = "cryostat.json"
SIDECAR_LABEL = {"grafana_dashboard": "1"}
ROWS = (INSTANCES, OPERATOR)
PANELS = tuple(panel for row in ROWS for panel in row.panels)
COLUMNS = 24
_SCHEMA_VERSION = 42
_ROW_HEIGHT = 1
_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


def config_map(namespace: str, labels: Mapping[str, str], documentation: str) -> Obj:
    """Return the ConfigMap with the dashboard, which links to the documentation at this URL."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "cryostat-operator-dashboard",
            "namespace": namespace,
            "labels": {**labels, **SIDECAR_LABEL},
        },
        "data": {FILE: text(documentation)},
    }


def text(documentation: str) -> str:
    """Return the dashboard as JSON that Grafana imports."""
    return json.dumps(dashboard(documentation), indent=2, ensure_ascii=False) + "\n"


def dashboard(documentation: str) -> Obj:
    """Return the dashboard in the classic format of Grafana, with a link to the documentation at this URL."""
    return {
        "uid": "cryostat-operator",
        "title": "Cryostat",
        "description": "Cryostats and the operator that runs them.",
        "tags": ["cryostat"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "1m",
        "links": [_link(f"{documentation}/metrics.md")],
        "annotations": {"list": []},
        "templating": {"list": list(_variables())},
        "panels": list(_panels()),
    }


def _link(url: str) -> Obj:
    return {
        "title": "Documentation",
        "type": "link",
        "url": url,
        "icon": "doc",
        "tooltip": "Metrics, alerts and this dashboard",
        "tags": [],
        "targetBlank": True,
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
    }


def positions() -> Iterator[tuple[Row | Panel, Obj]]:
    """Return each row and panel with its position: panels from left to right, a new line when one does not fit."""
    top = 0
    for row in ROWS:
        yield row, {"x": 0, "y": top, "w": COLUMNS, "h": _ROW_HEIGHT}
        top += _ROW_HEIGHT
        left = height = 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, height = top + height, 0, 0
            yield panel, {"x": left, "y": top, "w": panel.width, "h": panel.height}
            left += panel.width
            height = max(height, panel.height)
        top += height


def _variables() -> Iterator[Obj]:
    namespace, name = INSTANCE_LABELS
    ready = table.INSTANCE_READY.name
    yield {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "refresh": 1}
    yield _variable("job", "Operator", f"label_values({table.INSTANCES.name}, job)", ".+")
    yield _variable("namespace", "Namespace", f"label_values({ready}{{{OF_OPERATOR}}}, {namespace})", ".*")
    selected = f'{OF_OPERATOR}, {namespace}=~"$namespace"'
    yield _variable("name", "Name", f"label_values({ready}{{{selected}}}, {name})", ".*")


def _variable(name: str, label: str, query: str, all_values: str) -> Obj:
    """Return a variable with all values of a label; by default it selects all.

    Args:
        name: its name.
        label: its title.
        query: a function of Grafana that returns the values.
        all_values: the regular expression if all are selected.
    """
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _DATASOURCE,
        "definition": query,
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "refresh": 2,  # when the time range changes, too
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": all_values,
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels() -> Iterator[Obj]:
    for each, position in positions():
        if isinstance(each, Row):
            yield {
                "id": each.id,
                "title": each.title,
                "type": "row",
                "gridPos": position,
                "collapsed": False,
                "panels": [],
            }
        else:
            yield {**_panel(each), "gridPos": position}


def _panel(panel: Panel) -> Obj:
    is_table = panel.kind == Kind.TABLE
    transformations = {"transformations": _transformations(panel)} if is_table else {}
    return {
        "id": panel.id,
        "title": panel.title,
        "description": panel.description,
        "type": panel.kind.value,
        "datasource": _DATASOURCE,
        "targets": list(_targets(panel)),
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel) if is_table else []},
        "options": _options(panel),
        **transformations,
    }


def _targets(panel: Panel) -> Iterator[Obj]:
    """Return the queries: tables and single values use the end of the time range, other panels all of it."""
    instant = panel.kind in (Kind.TABLE, Kind.STAT)
    for letter, query in zip("ABC", panel.queries, strict=False):
        yield {
            "refId": letter,
            "datasource": _DATASOURCE,
            "editorMode": "code",
            "expr": query.expression,
            "legendFormat": query.legend,
            "format": "table" if panel.kind == Kind.TABLE else "time_series",
            "instant": instant,
            "range": not instant,
        }


def _defaults(panel: Panel) -> Obj:
    colors = [{"value": value, "color": color} for value, color in panel.thresholds]
    found: Obj = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": colors}}
    if panel.kind == Kind.TIME_SERIES:
        return {**found, "min": 0, "color": {"mode": "palette-classic"}, "custom": {"fillOpacity": 10}}
    found["color"] = {"mode": "thresholds"}
    if panel.kind == Kind.STAT:
        found["decimals"] = 0
    if panel.kind != Kind.TABLE:  # the names of Cryostats may be numbers
        found["mappings"] = _mappings(panel)
    return found


def _overrides(panel: Panel) -> list[Obj]:
    """Return texts and colors of the columns with values."""
    properties = [
        {"id": "custom.cellOptions", "value": {"type": "color-text"}},
        {"id": "decimals", "value": 0},
        {"id": "mappings", "value": _mappings(panel)},
    ]
    titles = [query.legend for query in panel.queries if query.legend]
    return [{"matcher": {"id": "byName", "options": title}, "properties": properties} for title in titles]


def _mappings(panel: Panel) -> list[Obj]:
    options = {str(value): {"text": text, "color": color} for value, (text, color) in panel.texts.items()}
    return [{"type": "value", "options": options}] if options else []


def _transformations(panel: Panel) -> list[Obj]:
    """Return how the results become one table, without time and without values that have no title."""
    several = len(panel.queries) > 1
    values = [f"Value #{letter}" if several else "Value" for letter in "ABC"[: len(panel.queries)]]
    titles = {value: query.legend for value, query in zip(values, panel.queries, strict=True) if query.legend}
    shown = {**panel.columns, **titles}
    columns = {
        "renameByName": shown,
        "indexByName": {name: index for index, name in enumerate(shown)},
        "excludeByName": dict.fromkeys(("Time", *(value for value in values if value not in shown)), True),
    }
    merged = [{"id": "merge", "options": {}}] if several else []
    return [*merged, {"id": "organize", "options": columns}]


def _options(panel: Panel) -> Obj:
    legend = {"showLegend": panel.kind == Kind.TIME_SERIES, "displayMode": "list", "placement": "bottom", "calcs": []}
    match panel.kind:
        case Kind.STAT:
            return {
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
                "colorMode": "value",
                "graphMode": "none",
                "textMode": "value",
                "justifyMode": "auto",
                "orientation": "auto",
                "wideLayout": True,
                "showPercentChange": False,
                "percentChangeColorMode": "standard",
            }
        case Kind.TABLE:
            first = panel.queries[0].legend or next(iter(panel.columns.values()))
            return {"frameIndex": 0, "showHeader": True, "sortBy": [{"displayName": first, "desc": False}]}
        case Kind.STATE_TIMELINE:
            tooltip = {"mode": "single", "sort": "none"}
            return {"mergeValues": True, "showValue": "never", "rowHeight": 0.9, "legend": legend, "tooltip": tooltip}
        case Kind.TIME_SERIES:
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
