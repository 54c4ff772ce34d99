"""Grafana's model of dashboards, of the release that the dashboard requires, has every field of the dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard, prometheus

PATH = Path(__file__).parents[3] / "manifests/monitoring/dashboards/cryostat.json"
# Grafana writes this text for the list of variables in the settings. Its schema does not have it.
NOT_IN_THE_MODEL = {f".templating.list[{number}].definition" for number in (1, 2, 3)}

register_default_plugins()


def parsed(content: Any) -> dashboard.Dashboard:
    return dashboard.Dashboard.from_json(content)


def lost(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    """The paths of values that differ after the model has read and written them; unknown fields are dropped."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            yield from lost(value, kept.get(key), f"{path}.{key}")
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(one, other, f"{path}[{number}]")
    elif given != kept:
        yield path


def dropped(content: Any) -> set[str]:
    written = json.loads(JSONEncoder().encode(parsed(content)))
    return set(lost(content, written))


def test_the_model_of_grafana_has_every_field() -> None:
    assert dropped(json.loads(PATH.read_text())) == NOT_IN_THE_MODEL


def test_a_field_that_grafana_does_not_know_is_found() -> None:
    content = json.loads(PATH.read_text())
    content["refreshs"] = "1m"
    panel = next(each for each in content["panels"] if each["type"] == "stat")
    panel["options"]["colourMode"] = "none"
    panel["targets"][0]["legend"] = "x"
    number = content["panels"].index(panel)
    found = dropped(content) - NOT_IN_THE_MODEL
    assert found == {
        ".refreshs",
        f".panels[{number}].options.colourMode",
        f".panels[{number}].targets[0].legend",
    }


def test_every_query_is_one_of_prometheus() -> None:
    panels = [each for each in parsed(json.loads(PATH.read_text())).panels or () if isinstance(each, dashboard.Panel)]
    queries = [query for panel in panels for query in panel.targets or ()]
    assert len(queries) > 10
    assert {type(query) for query in queries} == {prometheus.Dataquery}
