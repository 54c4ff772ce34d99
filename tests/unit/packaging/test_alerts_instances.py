"""Alerts about instances name the Cryostat, and their results have the labels of the message."""

from __future__ import annotations

import re

import pytest

from cryostat_operator import metric_table
from cryostat_operator.packaging.alert_rules import CRYOSTAT, READY, Alert
from cryostat_operator.packaging.alerts_instances import INSTANCE_ALERTS
from tests.unit.packaging.promql import alert_labels, result_labels

INSTANCE = set(metric_table.INSTANCE_READY.label_names)


@pytest.mark.parametrize("alert", INSTANCE_ALERTS, ids=lambda alert: alert.name)
def test_results_have_the_labels_of_the_message(alert: Alert) -> None:
    """Prometheus writes `<no value>` for a label that a result does not have."""
    used = alert_labels(alert)
    assert used >= INSTANCE
    assert used <= result_labels(alert.expression)


@pytest.mark.parametrize("alert", INSTANCE_ALERTS, ids=lambda alert: alert.name)
def test_the_message_names_the_cryostat(alert: Alert) -> None:
    assert CRYOSTAT in alert.summary + alert.description


def test_a_stopped_instance_is_not_reported_as_not_ready() -> None:
    [alert] = [alert for alert in INSTANCE_ALERTS if alert.name == "CryostatNotReady"]
    [reasons] = re.findall(r'reason=~"([^"]*)"', alert.expression)
    assert set(reasons.split("|")) == {"Paused", "Hibernated", "Deleting"}
    assert alert.expression.startswith(f"{READY} == 0 unless on ")


def test_only_an_expired_certificate_is_critical() -> None:
    assert [alert.name for alert in INSTANCE_ALERTS if alert.severity == "critical"] == ["CryostatCertificateExpired"]
