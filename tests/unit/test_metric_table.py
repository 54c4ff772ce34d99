"""The names, labels and help texts of metrics follow the conventions of Prometheus."""

from __future__ import annotations

import re

import pytest

from cryostat_operator import metric_table as table
from cryostat_operator.metric_table import Metric, MetricType

UNITS = ("_seconds", "_bytes")


@pytest.mark.parametrize("metric", table.METRICS, ids=lambda metric: metric.name)
def test_names_follow_the_conventions(metric: Metric) -> None:
    assert re.fullmatch(r"(cryostat_(operator|instance)|leader_election)_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") is (metric.type == MetricType.COUNTER)
    for unit in ("second", "byte"):
        assert unit not in metric.name or metric.name.removesuffix("_total").endswith(UNITS)
    assert re.fullmatch(r"[A-Z1].*[^.]", metric.help)
    assert bool(metric.buckets) is (metric.type == MetricType.HISTOGRAM)
    assert list(metric.buckets) == sorted(metric.buckets)
    reserved = {"namespace", "pod", "container", "service", "job", "instance", "endpoint", "le"}
    assert not reserved & set(metric.label_names), "Prometheus sets these itself"


def test_a_histogram_has_three_names() -> None:
    assert table.WEBHOOK_REACHABLE.samples == {"cryostat_operator_webhook_reachable"}
    assert table.RECONCILE_DURATION.samples >= {"cryostat_operator_reconcile_duration_seconds_bucket"}
    assert len(table.RECONCILE_DURATION.samples) == 3


def test_metrics_of_instances_have_the_labels_of_the_cryostat() -> None:
    for metric in table.INSTANCE_METRICS:
        assert metric.label_names[:2] == ("cryostat_namespace", "cryostat_name"), metric.name
        assert metric.name.startswith("cryostat_instance_")
    for metric in table.OPERATOR_METRICS:
        assert not {"cryostat_namespace", "cryostat_name"} & set(metric.label_names), metric.name


def test_each_metric_of_the_module_is_in_the_table_once() -> None:
    defined = [each for each in vars(table).values() if isinstance(each, Metric)]
    assert len(set(table.METRICS)) == len(table.METRICS)
    assert set(defined) == set(table.METRICS)
