"""promtool checks that rules and dashboard are valid, and that each alert fires only for its cause."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryostat_operator.packaging import alert_rules, alerts, dashboard, install, install_names
from tests.cluster import binaries
from tests.unit.packaging.promql import without_variables

CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "alerts.yaml").read_text())
SAMPLE = {"cryostat_namespace": "here", "cryostat_name": "sample"}
ALERTS = {alert.name: alert for alert in alerts.ALERTS}


@pytest.fixture(scope="module", autouse=True)
def promtool() -> Path:
    """The program. It is built before the first test, because the build takes longer than a test may."""
    return binaries.programs("promtool")["promtool"]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The file with the rules in the format of Prometheus."""
    [rule] = install.prometheus_objects()["prometheus-rule.yaml"]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(rule["spec"]))
    return path


def run(promtool: Path, *arguments: str | Path) -> str:
    result = subprocess.run([promtool, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 0, result.stdout
    return result.stdout


def expected(case: dict[str, Any]) -> dict[str, Any]:
    """The expected alert in promtool's format."""
    alert = ALERTS[case["alert"]]
    sample = SAMPLE if case.get("sample", True) else {}
    runbook = f"{install_names.DOCUMENTATION}/troubleshooting.md#{alert.name.lower()}"
    annotations = {"summary": case["summary"], "description": case["description"], "runbook_url": runbook}
    return {
        "exp_labels": {"severity": alert.severity, **sample, **case.get("labels", {})},
        "exp_annotations": annotations,
    }


def unit_test(case: dict[str, Any], series: dict[str, Any], times: dict[str, list[Any]]) -> dict[str, Any]:
    """A test for promtool: the expected alerts by time."""
    labels = ", ".join(f'{name}="{value}"' for name, value in SAMPLE.items())
    return {
        "interval": "1m",
        "input_series": [
            {"series": name.replace("JOB", alert_rules.JOB).replace("SAMPLE", labels), "values": str(values)}
            for name, values in series.items()
        ],
        "alert_rule_test": [
            {"eval_time": time, "alertname": case["alert"], "exp_alerts": alerts} for time, alerts in times.items()
        ],
    }


def test_the_rules_are_valid(promtool: Path, rules: Path) -> None:
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", rules)


def test_the_expressions_of_the_dashboard_are_valid(promtool: Path, tmp_path: Path) -> None:
    queries = [query.expression for panel in dashboard.PANELS for query in panel.queries]
    rules = [{"record": f"dashboard:{number}", "expr": without_variables(each)} for number, each in enumerate(queries)]
    file = tmp_path / "dashboard.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(queries)} rules found" in run(promtool, "check", "rules", "--lint=all", "--lint-fatal", file)


def test_each_alert_fires_only_for_its_cause(promtool: Path, rules: Path) -> None:
    assert [case["alert"] for case in CASES] == list(ALERTS)
    tests = []
    for case in CASES:
        times = {case["at"]: [expected(case)]} | ({case["before"]: []} if "before" in case else {})
        tests.append(unit_test(case, case["fires"], times))
        assert case["quiet"], case["alert"]
        tests += [unit_test(case, series, {case["at"]: []}) for series in case["quiet"]]
    file = rules.with_name("tests.yaml")
    file.write_text(yaml.safe_dump({"rule_files": [rules.name], "evaluation_interval": "1m", "tests": tests}))
    assert "SUCCESS" in run(promtool, "test", "rules", file)
