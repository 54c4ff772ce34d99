"""The operator exposes the metrics of the table, and their names follow the conventions of Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from cryostat_operator import metric_table as table
from cryostat_operator.metrics import InjectionCounts, Metrics
from cryostat_operator.observe.cryostats import CryostatStore
from cryostat_operator.observe.instance_metrics import InstanceMetrics
from cryostat_operator.observe.owned_objects import OwnedObjects
from tests.unit.observe.triggers import RecordedTriggers


async def exposed(metrics: Metrics) -> dict[str, tuple[str, str]]:
    """The type and help of each metric in the text that Prometheus reads, without times of creation."""
    owned = OwnedObjects(RecordedTriggers().triggers, lambda _: True)
    metrics.register(InstanceMetrics(CryostatStore(lambda _: None), owned, metrics.injections))
    families = text_string_to_metric_families((await metrics.text()).decode())
    found = {f"{each.name}_total" if each.type == "counter" else each.name: each for each in families}
    return {name: (each.type, each.documentation) for name, each in found.items() if not name.endswith("_created")}


async def test_exactly_the_metrics_of_the_table_are_exposed() -> None:
    expected = {metric.name: (str(metric.type), metric.help) for metric in table.METRICS}
    assert await exposed(Metrics(CollectorRegistry())) == expected


async def test_requests_are_counted_and_watches_have_no_duration() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.observe_request("GET", 200, 0.1)
    metrics.observe_request("WATCH", 200, 300.0)
    metrics.observe_review("/validate", 500, 0.1, False)
    metrics.observe_review("/validate", 200, 0.1, True)
    metrics.set_webhook_reachable(False)
    text = (await metrics.text()).decode()
    assert 'cryostat_operator_api_requests_total{code="200",verb="WATCH"} 1.0' in text
    assert 'cryostat_operator_api_request_duration_seconds_count{verb="GET"} 1.0' in text
    assert 'duration_seconds_count{verb="WATCH"}' not in text
    assert 'cryostat_operator_webhook_duration_seconds_count{code="500",path="/validate"} 1.0' in text
    for caller in ("unverified", "api_server"):
        assert f'cryostat_operator_webhook_requests_total{{caller="{caller}",path="/validate"}} 1.0' in text
    assert "cryostat_operator_webhook_reachable 0.0" in text


def test_counts_of_deleted_cryostats_are_removed() -> None:
    counts = InjectionCounts()
    counts.count("added", "here", "x", "shop")
    counts.count("added", "here", "y", "shop")
    counts.count("failed")
    counts.keep({("here", "y")})
    assert set(counts.counts) == {("here", "y", "shop", "added"), ("", "", "", "failed")}
