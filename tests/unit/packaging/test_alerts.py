"""Rules and alerts use only metrics of the operator, and each alert has a section in the documentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator import metric_table
from cryostat_operator.packaging import alert_rules, alerts, install, install_names
from cryostat_operator.packaging.monitoring import SERVICE
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.packaging.promql import METRICS, OF_OTHERS, RECORDED, Selector, selectors

ROOT = Path(__file__).parents[3]
[RULE] = install.prometheus_objects()["prometheus-rule.yaml"]
RULES: list[dict[str, Any]] = [rule for group in RULE["spec"]["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
CONDITIONS = {reason.condition for reason in Reason} | {"Ready", "ReconciliationActive"}
VALUES = {"condition": CONDITIONS, "reason": {str(reason) for reason in Reason}, "status": {"True", "False", "Unknown"}}
LABELS = {metric.name: {*metric.label_names, "job"} for metric in metric_table.METRICS}


def name(rule: dict[str, Any]) -> str:
    return str(rule.get("alert") or rule["record"])


def test_every_rule_and_alert_is_in_the_object() -> None:
    assert sorted(map(name, RULES)) == sorted(rule.name for rule in (*alert_rules.RECORDING_RULES, *alerts.ALERTS))


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_rules_use_existing_series(rule: dict[str, Any]) -> None:
    found = selectors(rule["expr"])
    assert found
    assert {each.name for each in found} <= METRICS | RECORDED | OF_OTHERS
    for each in found:
        if each.name in METRICS or each.name == "up":
            assert each.labels["job"] == SERVICE, "a ServiceMonitor takes the name of the job from the Service"
        assert set(each.labels) <= LABELS.get(each.name, set(each.labels)), each.name


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_rules_select_existing_conditions_and_reasons(rule: dict[str, Any]) -> None:
    """A rule for a condition or reason that was renamed never fires again, or fires for all instances."""
    text = " ".join([rule["expr"], *rule.get("annotations", {}).values()])
    for selector in re.findall(r"cryostat_instance_condition\{([^}]*)\}", text):
        for label, values in re.findall(r"(condition|reason|status)=~?[\"']([^\"']*)[\"']", selector):
            assert set(values.split("|")) <= VALUES[label], selector


def test_the_selected_conditions_are_found() -> None:
    selected = " ".join(rule["expr"] for rule in RULES)
    assert {"Ready", "VolumesReady", "ReconciliationActive"} <= set(re.findall(r'condition="(\w+)"', selected))


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_a_recorded_series_comes_before_its_users(rule: dict[str, Any]) -> None:
    """A group is evaluated in its order, so an alert gets the values of the same evaluation."""
    [group] = [group["rules"] for group in RULE["spec"]["groups"] if rule in group["rules"]]
    before = {name(each) for each in group[: group.index(rule)]}
    assert {each.name for each in selectors(rule["expr"])} & RECORDED <= before


@pytest.mark.parametrize("alert", ALERTS, ids=name)
def test_alerts_describe_problem_and_remedy(alert: dict[str, Any]) -> None:
    annotations = alert["annotations"]
    assert annotations["summary"] != annotations["description"]
    for text in (annotations["summary"], annotations["description"]):
        assert re.fullmatch(r"[A-Z].*\.", text)
    assert alert["labels"]["severity"] in ("critical", "warning", "info")


def test_each_alert_has_a_section_and_each_section_an_alert() -> None:
    text = (ROOT / "docs/troubleshooting.md").read_text().split("\n## Alerts\n")[1].split("\n## ")[0]
    sections = re.findall(r"^### (\w+)$", text, re.M)
    assert sections == [alert["alert"] for alert in ALERTS]
    anchors = {f"{install_names.DOCUMENTATION}/troubleshooting.md#{section.lower()}" for section in sections}
    assert {alert["annotations"]["runbook_url"] for alert in ALERTS} == anchors


def test_selectors_are_found_everywhere_in_an_expression() -> None:
    found = selectors('sum(rate(a{x="1"}[5m])) / on (y) group_left () (b > bool 0) unless abs(c)')
    assert found == [Selector("a", {"x": "1"}), Selector("b", {}), Selector("c", {})]
