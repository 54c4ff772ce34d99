"""Alerts about the operator have one result for all replicas, and those that stop all instances are critical."""

from __future__ import annotations

import re

import pytest

from cryostat_operator.packaging.alert_rules import JOB, Alert
from cryostat_operator.packaging.alerts_operator import OPERATOR_ALERTS
from tests.unit.packaging.promql import alert_labels, result_labels


@pytest.mark.parametrize("alert", OPERATOR_ALERTS, ids=lambda alert: alert.name)
def test_results_have_the_labels_of_the_message(alert: Alert) -> None:
    """Prometheus writes `<no value>` for a label that a result does not have."""
    assert alert_labels(alert) <= result_labels(alert.expression)


@pytest.mark.parametrize("alert", OPERATOR_ALERTS, ids=lambda alert: alert.name)
def test_replicas_are_aggregated(alert: Alert) -> None:
    """Every replica has all metrics; without an aggregation, each one would have an alert of its own."""
    assert re.match(r"(absent|sum|min|max)\b", alert.expression)
    assert JOB in alert.expression


def test_alerts_are_critical_if_all_instances_or_all_new_pods_are_affected() -> None:
    assert {alert.name for alert in OPERATOR_ALERTS if alert.severity == "critical"} == {
        "CryostatOperatorDown",
        "CryostatOperatorWithoutLeader",
        "CryostatOperatorWebhookUnreachable",
    }


def test_a_request_without_an_answer_counts_as_an_error() -> None:
    [alert] = [alert for alert in OPERATOR_ALERTS if alert.name == "CryostatOperatorApiServerErrors"]
    [failed] = re.findall(r'code=~"([^"]*)"', alert.expression)
    assert [code for code in ("0", "200", "404", "500", "503") if re.fullmatch(failed, code)] == ["0", "500", "503"]
