"""The recording rules, and the templates of messages that alerts share."""

from __future__ import annotations

import re

import pytest

from cryostat_operator import metric_table
from cryostat_operator.packaging import alert_rules
from cryostat_operator.packaging.alert_rules import RECORDING_RULES, RecordingRule
from cryostat_operator.packaging.monitoring import SERVICE
from tests.unit.packaging.promql import METRICS, selectors


@pytest.mark.parametrize("rule", RECORDING_RULES, ids=lambda rule: rule.name)
def test_a_recorded_series_has_a_level_a_metric_and_an_operation(rule: RecordingRule) -> None:
    """Names of Prometheus for recorded series; the first part also decides to which group the rule belongs."""
    assert re.fullmatch(r"(cryostat|cryostat_operator):[a-z0-9_]+:[a-z0-9_]+", rule.name)
    [selected] = selectors(rule.expression)
    assert selected.name in METRICS
    assert selected.labels == {"job": SERVICE}


def test_series_are_recorded_once_and_those_of_alerts_exist() -> None:
    names = [rule.name for rule in RECORDING_RULES]
    assert len(names) == len(set(names))
    assert {alert_rules.READY, alert_rules.CERTIFICATE_REMAINING, alert_rules.REQUESTED} < set(names)


def test_series_about_instances_keep_the_labels_of_the_instance() -> None:
    rules = [rule for rule in RECORDING_RULES if rule.name.startswith("cryostat:")]
    assert rules
    for rule in rules:
        [labels] = re.findall(r"^\w+ by \(([^)]*)\)", rule.expression)
        assert set(labels.split(", ")) >= set(metric_table.INSTANCE_READY.label_names), rule.name


def test_requested_sizes_have_the_labels_of_the_metrics_of_kubelets() -> None:
    [rule] = [rule for rule in RECORDING_RULES if rule.name == alert_rules.REQUESTED]
    assert rule.expression.startswith("max by (namespace, persistentvolumeclaim, ")
    assert '"namespace", "$1", "cryostat_namespace"' in rule.expression


def test_messages_name_the_cryostat_by_its_labels() -> None:
    namespace, name = metric_table.INSTANCE_READY.label_names
    assert f"{{{{ $labels.{namespace} }}}}/{{{{ $labels.{name} }}}}" == alert_rules.CRYOSTAT
