"""The Grafana dashboard is valid JSON with stable ids, no overlaps, and no data source of a specific Grafana."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.packaging import dashboard, install, install_names
from cryostat_operator.packaging.dashboard_panel import Kind
from tests.unit.packaging.promql import selectors, without_variables

ROOT = Path(__file__).parents[3]
[CONFIG_MAP] = install.prometheus_objects()["grafana-dashboard.yaml"]
DASHBOARD: dict[str, Any] = json.loads(CONFIG_MAP["data"]["cryostat.json"])
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
CONTENT = [panel for panel in PANELS if panel["type"] != "row"]
VARIABLES: dict[str, dict[str, Any]] = {each["name"]: each for each in DASHBOARD["templating"]["list"]}


def title(panel: dict[str, Any]) -> str:
    return str(panel["title"])


def panel(wanted: str) -> dict[str, Any]:
    [found] = [each for each in PANELS if each["title"] == wanted]
    return found


def test_the_config_map_has_the_dashboard_of_the_file() -> None:
    assert CONFIG_MAP["metadata"]["labels"].items() >= {"grafana_dashboard": "1", **install_names.LABELS}.items()
    assert list(CONFIG_MAP["data"]) == ["cryostat.json"]
    assert (ROOT / "manifests/monitoring/dashboards/cryostat.json").read_text() == CONFIG_MAP["data"]["cryostat.json"]
    assert len(CONFIG_MAP["data"]["cryostat.json"]) < 200_000, "`kubectl apply` copies it into an annotation"


def test_kubectl_only_reads_files_with_kubernetes_objects() -> None:
    """`kubectl apply -f manifests/monitoring` reads YAML and JSON files of the folder, but not of its subfolders."""
    assert list((ROOT / "manifests/monitoring").glob("*.json")) == []


def test_ids_are_unique_and_match_the_table() -> None:
    """The ids are part of the addresses of panels."""
    ids = [each["id"] for each in PANELS]
    assert len(set(ids)) == len(ids)
    expected = {row.title: row.id for row in dashboard.ROWS} | {each.title: each.id for each in dashboard.PANELS}
    assert {each["title"]: each["id"] for each in PANELS} == expected
    assert len(expected) == len(ids), "titles are unique"
    assert DASHBOARD["uid"] == "cryostat-operator"


def test_panels_fit_and_do_not_overlap() -> None:
    used: set[tuple[int, int]] = set()
    for each in PANELS:
        place = each["gridPos"]
        assert place["w"] > 0
        assert place["h"] > 0
        assert 0 <= place["x"] <= dashboard.COLUMNS - place["w"], each["title"]
        columns, lines = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = {(column, line) for column in columns for line in lines}
        assert not used & cells, each["title"]
        used |= cells
    height = max(line for _, line in used) + 1
    assert len(used) == dashboard.COLUMNS * height, "no gaps, so Grafana does not move a panel"


def test_a_row_is_above_its_panels() -> None:
    assert [each["title"] for each in PANELS if each["type"] == "row"] == ["Instances", "Operator"]
    tops = [each["gridPos"]["y"] for each in PANELS]
    assert tops == sorted(tops)
    assert panel("Operator")["gridPos"] == {"x": 0, "y": tops[PANELS.index(panel("Operator"))], "w": 24, "h": 1}


@pytest.mark.parametrize("shown", CONTENT, ids=title)
def test_a_panel_has_a_unit_a_description_and_the_chosen_data_source(shown: dict[str, Any]) -> None:
    assert shown["fieldConfig"]["defaults"]["unit"]
    assert re.fullmatch(r"[A-Z`].*\.", shown["description"])
    assert not shown["title"].endswith(".")
    assert shown["targets"]
    for each in (shown, *shown["targets"]):
        assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_variables_select_all_by_default() -> None:
    assert list(VARIABLES) == ["datasource", "job", "namespace", "name"]
    assert VARIABLES["datasource"]["type"] == "datasource"
    assert "current" not in VARIABLES["datasource"], "each Grafana has its own default data source"
    for name in ("job", "namespace", "name"):
        assert VARIABLES[name]["current"]["value"] == ["$__all"]
        assert VARIABLES[name]["multi"]
    assert re.fullmatch(VARIABLES["namespace"]["allValue"], ""), "includes pods without a Cryostat in their labels"


def test_every_variable_is_used_and_defined() -> None:
    used = set(re.findall(r"\$\{?(\w+)", CONFIG_MAP["data"]["cryostat.json"])) - {"__rate_interval", "__range", "__all"}
    assert used == set(VARIABLES)


def test_values_of_variables_are_labels_of_metrics() -> None:
    for name, label in {"job": "job", "namespace": "cryostat_namespace", "name": "cryostat_name"}.items():
        query = VARIABLES[name]["query"]["query"]
        assert query == VARIABLES[name]["definition"]
        found = re.fullmatch(r"label_values\((?P<selector>.+), (?P<label>\w+)\)", query)
        assert found
        assert found["label"] == label
        [selector] = selectors(without_variables(found["selector"]))
        assert selector.name in ("cryostat_operator_instances", "cryostat_instance_ready")


@pytest.mark.parametrize("table", [each for each in CONTENT if each["type"] == Kind.TABLE], ids=title)
def test_columns_of_tables_are_results_of_their_queries(table: dict[str, Any]) -> None:
    """A wrong name would show a column without its title."""
    organize = table["transformations"][-1]["options"]
    shown, hidden = set(organize["renameByName"]), set(organize["excludeByName"])
    several = len(table["targets"]) > 1
    values = {f"Value #{each['refId']}" if several else "Value" for each in table["targets"]}
    for target in table["targets"]:
        assert target["format"] == "table"
        assert target["instant"]
        [labels] = re.findall(r"^\(?(?:min|max) by \(([^)]+)\)", target["expr"])
        assert set(labels.split(", ")) == shown - values
    assert values | {"Time"} <= shown | hidden
    assert not shown & hidden
    assert (table["transformations"][0]["id"] == "merge") == several
    titles = set(organize["renameByName"].values())
    assert {each["matcher"]["options"] for each in table["fieldConfig"]["overrides"]} <= titles
    assert {each["displayName"] for each in table["options"]["sortBy"]} <= titles
    assert "mappings" not in table["fieldConfig"]["defaults"], "a Cryostat may have the name 1"


def test_zero_and_one_are_shown_as_words() -> None:
    [mapping] = panel("Ready over time")["fieldConfig"]["defaults"]["mappings"]
    assert {value: each["text"] for value, each in mapping["options"].items()} == {"0": "No", "1": "Yes"}


def test_single_values_are_current_and_charts_cover_the_time_range() -> None:
    for each in CONTENT:
        instant = each["type"] in (Kind.STAT, Kind.TABLE)
        assert all((target["instant"], target["range"]) == (instant, not instant) for target in each["targets"])
