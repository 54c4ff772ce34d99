"""ServiceMonitor and alerts: valid for the Prometheus operator, and only with existing metrics."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
from prometheus_client import CollectorRegistry

from cryostat_operator.metrics import Metrics
from cryostat_operator.packaging import install, install_names

ROOT = Path(__file__).parents[3]
[MONITOR] = install.prometheus_objects()["service-monitor.yaml"]
[RULE] = install.prometheus_objects()["prometheus-rule.yaml"]
[SERVICE] = install.installation()["70-metrics-service.yaml"]
ALERTS = RULE["spec"]["groups"][0]["rules"]


def selectors(node: Any) -> Iterator[Any]:
    """All metrics that an expression selects."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from selectors(child)
    for child in getattr(node, "args", None) or ():
        yield from selectors(child)


def exposed() -> set[str]:
    """Names of the operator's metrics as they are sampled."""
    families = Metrics(CollectorRegistry())._registry.collect()
    suffixes = {"counter": ["_total"], "histogram": ["_count", "_sum", "_bucket"], "gauge": [""]}
    return {f"{family.name}{suffix}" for family in families for suffix in suffixes[family.type]}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alerts_use_existing_metrics(alert: dict[str, Any]) -> None:
    found = list(selectors(promql_parser.parse(alert["expr"])))
    assert found
    assert {each.name for each in found} <= exposed() | {"up"}
    for each in found:
        jobs = [matcher.value for matcher in each.matchers.matchers if matcher.name == "job"]
        assert jobs == [SERVICE["metadata"]["name"]], "a ServiceMonitor names the job by the Service"


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_alerts_describe_the_remedy(alert: dict[str, Any]) -> None:
    link = alert["annotations"]["runbook_url"].removeprefix(f"{install_names.DOCUMENTATION}/")
    file, section = link.split("#")
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / file).read_text(), re.M)
    assert section in [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]
    assert alert["labels"]["severity"] in ("warning", "critical")


def test_the_monitor_finds_the_metrics_service_and_no_other() -> None:
    wanted = MONITOR["spec"]["selector"]["matchLabels"].items()
    services = [obj for objs in install.installation().values() for obj in objs if obj["kind"] == "Service"]
    assert [each for each in services if wanted <= each["metadata"]["labels"].items()] == [SERVICE]
    [endpoint] = MONITOR["spec"]["endpoints"]
    [port] = SERVICE["spec"]["ports"]
    assert endpoint["port"] == port["name"]
    assert port["targetPort"] == install_names.WEBHOOK_PORT, "by HTTPS, with a review of the caller"
    assert endpoint["scheme"] == "https"
    assert SERVICE["spec"]["selector"] == install_names.SELECTOR


def test_the_token_for_prometheus_permits_nothing_else() -> None:
    account, token, role, binding = install.prometheus_objects()["metrics-reader.yaml"]
    name = account["metadata"]["name"]
    assert role["rules"] == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [subject["name"] for subject in binding["subjects"]] == [name]
    assert token["metadata"]["annotations"] == {"kubernetes.io/service-account.name": name}
    [endpoint] = MONITOR["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": token["metadata"]["name"], "key": "token"}


def test_the_network_policy_allows_the_metrics_port() -> None:
    [policy] = install.installation()["60-network-policy.yaml"]
    [rule] = policy["spec"]["ingress"]
    assert {port["port"] for port in rule["ports"]} == {install_names.HTTP_PORT, install_names.WEBHOOK_PORT}
    assert policy["spec"]["podSelector"]["matchLabels"] == install_names.SELECTOR
    assert policy["spec"]["policyTypes"] == ["Ingress"]
