"""The application and the main Deployment."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.plan.instance import DEFAULT_FS_GROUP
from cryostat_operator.plan.model.snapshot import NamespaceState
from tests.unit.cluster_state import (
    NAMESPACE,
    ClusterState,
    changes,
    container,
    cryostat,
    environment,
    find,
    reasons,
    settled,
    volumes,
)

ENV = "Deployment/sample.spec.template.spec.containers[sample].env"


@pytest.mark.parametrize(
    ("spec", "variable", "value"),
    [
        ({"loggingOptions": {"coreLogLevel": "DEBUG"}}, "QUARKUS_LOG_LEVEL", "DEBUG"),
        ({"targetConnectionCacheOptions": {"targetCacheSize": 7}}, "CRYOSTAT_CONNECTIONS_MAX_OPEN", "7"),
        ({"targetConnectionCacheOptions": {"targetCacheTTL": 7}}, "CRYOSTAT_CONNECTIONS_TTL", "7"),
        (
            {"targetDiscoveryOptions": {"discoveryPortNames": ["a", "b"]}},
            "CRYOSTAT_DISCOVERY_KUBERNETES_PORT_NAMES",
            "a,b",
        ),
        (
            {"targetDiscoveryOptions": {"disableBuiltInPortNames": True}},
            "CRYOSTAT_DISCOVERY_KUBERNETES_PORT_NAMES",
            "",
        ),
        (
            {"targetDiscoveryOptions": {"discoveryPortNumbers": [1, 2], "disableBuiltInPortNumbers": True}},
            "CRYOSTAT_DISCOVERY_KUBERNETES_PORT_NUMBERS",
            "1,2",
        ),
        (
            {"targetDiscoveryOptions": {"disableBuiltInPortNumbers": True}},
            "CRYOSTAT_DISCOVERY_KUBERNETES_PORT_NUMBERS",
            "",
        ),
    ],
)
def test_one_setting_changes_one_variable(spec: dict[str, Any], variable: str, value: str) -> None:
    assert changes(settled().plan, settled(spec).plan) == {f"{ENV}[{variable}].value": value}


@pytest.mark.parametrize(
    ("spec", "variable", "value"),
    [
        ({"enableAudit": True}, "CRYOSTAT_AUDIT_ENABLED", "true"),
        ({"enableAudit": False}, "CRYOSTAT_AUDIT_ENABLED", "false"),
        ({"agentOptions": {"disableHostnameVerification": True}}, "QUARKUS_REST_CLIENT_VERIFY_HOST", "false"),
    ],
)
def test_one_setting_adds_one_variable(spec: dict[str, Any], variable: str, value: str) -> None:
    found = changes(settled().plan, settled(spec).plan)
    assert found == {f"{ENV}[{variable}].name": variable, f"{ENV}[{variable}].value": value}


@pytest.mark.parametrize("size", [0, -1])
def test_no_limit_of_connections_has_two_spellings(size: int) -> None:
    spec = {"targetConnectionCacheOptions": {"targetCacheSize": size}}
    assert changes(settled().plan, settled(spec).plan) == {}


@pytest.mark.parametrize(
    ("servers", "enabled"),
    [((), None), (("10.0.0.1",), None), (("10.0.0.1", "fd00::1"), None), (("fd00::1", "fd00::2"), "true")],
)
def test_ipv6_addresses_are_discovered_in_a_cluster_with_no_others(
    servers: tuple[str, ...], enabled: str | None
) -> None:
    state = settled()
    state.snapshot = replace(state.snapshot, api_server=servers)
    assert environment(state.plan).get("CRYOSTAT_DISCOVERY_IPV6_ENABLED") == enabled


def test_discovery_can_be_switched_off() -> None:
    env = environment(settled({"targetDiscoveryOptions": {"disableBuiltInDiscovery": True}}).plan)
    assert {name: value for name, value in env.items() if "DISCOVERY" in name} == {
        "CRYOSTAT_DISCOVERY_KUBERNETES_ENABLED": "false"
    }


def test_target_namespaces_are_listed_once_in_the_order_of_the_spec() -> None:
    env = environment(settled({"targetNamespaces": ["b", "a", "b"]}).plan)
    assert env["CRYOSTAT_DISCOVERY_KUBERNETES_NAMESPACES"] == "b,a"


def test_dashboards_work_without_route_and_ingress() -> None:
    env = environment(settled().plan)
    assert (env["GRAFANA_DASHBOARD_URL"], env["GRAFANA_DASHBOARD_EXT_URL"]) == ("http://localhost:3000", "/grafana/")


def test_plain_http_agents_are_accepted_without_tls_and_on_request() -> None:
    def required(**spec: Any) -> str | None:
        return environment(settled(spec).plan).get("CRYOSTAT_AGENT_TLS_REQUIRED")

    assert required() == "false"
    assert required(enableCertManager=True) is None
    assert required(enableCertManager=True, agentOptions={"allowInsecure": True}) == "false"


def test_another_cluster_domain_reaches_every_address() -> None:
    state = ClusterState(cryostat())
    state.settings = replace(state.settings, cluster_domain="corp.internal")
    env = environment(state.settle().plan)
    assert "sample-database.here.svc.corp.internal:5432" in env["QUARKUS_DATASOURCE_JDBC_URL"]
    assert env["QUARKUS_S3_ENDPOINT_OVERRIDE"] == "http://sample-storage.here.svc.corp.internal:8333"


def test_insights_are_for_openshift_only() -> None:
    for openshift in (True, False):
        state = ClusterState(cryostat(), openshift=openshift)
        state.settings = replace(state.settings, insights_proxy="http://proxy")
        assert ("INSIGHTS_PROXY" in environment(state.settle().plan)) is openshift


def test_a_setting_without_effect_is_reported() -> None:
    plan = settled({"reportOptions": {"subProcessMaxHeapSize": 200}}).plan
    assert reasons(plan.warnings) == {"LoginGenerated", "SubProcessMaxHeapSizeIgnored"}
    assert changes(settled().plan, plan) == {}


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("core", "sample"),
        ("grafana", "sample-grafana"),
        ("dataSource", "sample-jfr-datasource"),
        ("authProxy", "sample-auth-proxy"),
        ("agentProxy", "sample-agent-proxy"),
    ],
)
def test_resources_and_context_of_each_container(field: str, name: str) -> None:
    requested = {"requests": {"cpu": "1m", "memory": "1Mi"}}
    spec = {
        "resources": {f"{field}Resources": requested},
        "securityOptions": {f"{field}SecurityContext": {"runAsUser": 7}},
    }
    plan = settled(spec).plan
    assert container(plan, "sample", name)["resources"] == requested
    assert container(plan, "sample", name)["securityContext"] == {"runAsUser": 7}
    prefix = f"Deployment/sample.spec.template.spec.containers[{name}]"
    assert all(path.startswith(prefix) for path in changes(settled().plan, plan))


def test_placement_applies_to_application_database_and_storage() -> None:
    options = {
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "jvm", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
    }
    plan = settled({"schedulingOptions": options, "reportOptions": {"replicas": 1}}).plan
    for name, placed in (
        ("sample", True),
        ("sample-database", True),
        ("sample-storage", True),
        ("sample-reports", False),
    ):
        pod = find(plan, "Deployment", name)["spec"]["template"]["spec"]
        assert {key: pod.get(key) for key in options} == (options if placed else dict.fromkeys(options))


def test_metadata_of_the_user_cannot_break_the_selector() -> None:
    metadata = {"labels": {"team": "a", "app": "no", "component": "no"}, "annotations": {"note": "n"}}
    operand = {"deploymentMetadata": metadata, "podMetadata": metadata}
    for name in ("sample", "sample-database", "sample-storage"):
        obj = find(settled({"operandMetadata": operand}).plan, "Deployment", name)
        selector, template = obj["spec"]["selector"]["matchLabels"], obj["spec"]["template"]["metadata"]
        assert template["labels"] == {"team": "a", **selector}
        assert obj["metadata"]["labels"]["team"] == "a"
        assert obj["metadata"]["labels"].items() >= selector.items()
        assert template["annotations"]["note"] == obj["metadata"]["annotations"]["note"] == "n"


@pytest.mark.parametrize(
    ("text", "group"), [("1000650000/10000", 1000650000), ("x", DEFAULT_FS_GROUP), ("\u00b2", DEFAULT_FS_GROUP)]
)
def test_the_group_of_volumes_is_the_namespaces_own_on_openshift(text: str, group: int) -> None:
    groups = {"openshift.io/sa.scc.supplemental-groups": text}
    state = ClusterState(cryostat(), openshift=True)
    state.snapshot = replace(state.snapshot, namespaces={NAMESPACE: NamespaceState(annotations=groups)})
    context = find(state.settle().plan, "Deployment", "sample")["spec"]["template"]["spec"]["securityContext"]
    assert context == {"fsGroup": group, "runAsNonRoot": True}


def test_tls_adds_certificates_and_a_keystore_with_a_generated_password() -> None:
    plan = settled({"enableCertManager": True}).plan
    secrets = {v["secret"]["secretName"] for v in volumes(plan).values() if "secret" in v}
    assert secrets == {
        *("sample-tls", "sample-agent-tls", "sample-keystore", "sample-storage-tls", "sample-database-tls"),
        "sample-basic-auth",
    }
    assert "sample-keystore" in {key.name for key in plan.requests}
    assert environment(plan)["SSL_KEYSTORE"].endswith("/client-tls/sample-tls/keystore.p12")


def test_the_lock_has_a_controller_and_no_content() -> None:
    lock = find(settled().plan, "ConfigMap", "sample-lock")
    assert "data" not in lock
    assert lock["metadata"]["ownerReferences"][0]["controller"] is True


def page_row(program: str) -> list[str]:
    """The limits of a program in the table of docs/network.md."""
    page = (Path(__file__).parents[4] / "docs" / "network.md").read_text()
    section = page.split("\n## Large uploads\n")[1].split("\n## ")[0]
    [row] = [line for line in section.splitlines() if line.startswith(f"| {program} ")]
    return [cell.strip() for cell in row.strip("|").split("|")[1:]]


def test_only_the_proxies_in_the_pod_name_the_address_of_a_client() -> None:
    trusted = environment(settled().plan)["QUARKUS_HTTP_PROXY_TRUSTED_PROXIES"].split(",")
    networks = [ipaddress.ip_network(each) for each in trusted]
    assert {network.version for network in networks} == {4, 6}
    assert all(network.is_loopback for network in networks)


def test_large_heap_dumps_can_be_uploaded() -> None:
    """As large as report generators accept."""
    assert environment(settled().plan)["QUARKUS_HTTP_LIMITS_MAX_BODY_SIZE"] == "10G"
    assert page_row("application")[0] == "10 GiB, then status 413"


@pytest.mark.parametrize("openshift", [False, True])
def test_proxies_stream_uploads_of_any_size_and_wait_for_half_an_hour(openshift: bool) -> None:
    plan = settled(openshift=openshift).plan
    nginx = find(plan, "ConfigMap", "sample-agent-proxy")["data"]["nginx.conf"]
    streaming = ("client_max_body_size 0", "proxy_request_buffering off", "proxy_max_temp_file_size 0")
    for directive in (*streaming, "proxy_read_timeout 1800s", "proxy_send_timeout 1800s"):
        assert nginx.count(f"{directive.split()[0]} ") == nginx.count(f"    {directive};\n") == 1, directive
    if openshift:
        assert "--upstream-timeout=30m" in container(plan, "sample", "sample-auth-proxy")["args"]
    else:
        config = json.loads(find(plan, "ConfigMap", "sample-oauth2-proxy-cfg")["data"]["alpha_config.json"])
        assert [each["timeout"] for each in config["upstreamConfig"]["upstreams"]] == ["30m", "30m"]
    for program in ("authentication proxy", "agent gateway"):
        assert page_row(program) == ["unlimited", "30 minutes"]
