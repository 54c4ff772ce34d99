"""The table of connections that NetworkPolicies leave open, for the tests that compute and for those that try them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

TABLE: Mapping[str, Any] = yaml.safe_load((Path(__file__).parent / "network_flows.yaml").read_text())
SOURCES = ("application", "database", "reports", "storage", "neighbor", "target", "other", "operator", "outside")
STATES: list[dict[str, Any]] = TABLE["states"]
LOOPBACK: list[str] = TABLE["loopback"]
# From which place to which port of a place, for example ("other", "storage:8333").
Flow = tuple[str, str]


def place_of(port: str) -> str:
    return port.partition(":")[0]


def flows() -> list[Flow]:
    """Every connection of the table. A pod can always connect to itself."""
    return [(source, port) for port in TABLE["open"] for source in SOURCES if source != place_of(port)]


def expected(policies: Mapping[str, Mapping[str, bool]]) -> dict[Flow, bool]:
    """Whether each connection is open with these fields of spec.networkPolicies.

    Raises:
        KeyError: the table has no row for the fields of a component.
    """
    found = {(source, port): source in TABLE["open"][port] for source, port in flows()}
    rows = [_row(component, fields) for component, fields in policies.items()]
    opened = {port for row in rows for port in row.get("opens", ())}
    found.update({(source, port): True for source, port in found if port in opened})
    for source, ports in (limit for row in rows for limit in row.get("limits", {}).items()):
        found.update({flow: False for flow in found if flow[0] == source and flow[1] not in ports})
    return found


def _row(component: str, fields: Mapping[str, bool]) -> Mapping[str, Any]:
    for row in TABLE["fields"]:
        if row["networkPolicies"] == {component: fields}:
            return dict(row)
    raise KeyError(f"{component}: {fields}")
