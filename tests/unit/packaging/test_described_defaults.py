"""The defaults in descriptions of fields equal those of the plan."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest

from cryostat_operator.packaging.crds import crd
from cryostat_operator.plan.injection import init_container
from tests.unit.api.fields import own_fields
from tests.unit.cluster_state import NAME, container, environment, find, settled

CONTAINERS = {
    "spec.reportOptions.resources": ("-reports", "-reports"),
    "spec.resources.authProxyResources": ("", "-auth-proxy"),
    "spec.resources.coreResources": ("", ""),
    "spec.resources.dataSourceResources": ("", "-jfr-datasource"),
    "spec.resources.grafanaResources": ("", "-grafana"),
    "spec.resources.databaseResources": ("-database", "-db"),
    "spec.resources.objectStorageResources": ("-storage", "-storage"),
    "spec.resources.agentProxyResources": ("", "-agent-proxy"),
}
SERVICES = {
    "spec.serviceOptions.coreConfig.httpPort": "",
    "spec.serviceOptions.reportsConfig.httpPort": "-reports",
    "spec.serviceOptions.databaseConfig.databasePort": "-database",
    "spec.serviceOptions.storageConfig.httpPort": "-storage",
    "spec.serviceOptions.agentGatewayConfig.httpPort": "-agent",
}
CLAIMS = {"spec.storageOptions.database": "-database", "spec.storageOptions.objectStorage": "-storage"}
VARIABLES = {
    "spec.targetConnectionCacheOptions.targetCacheTTL": "CRYOSTAT_CONNECTIONS_TTL",
    "spec.targetDiscoveryOptions.discoveryPortNames": "CRYOSTAT_DISCOVERY_KUBERNETES_PORT_NAMES",
    "spec.targetDiscoveryOptions.discoveryPortNumbers": "CRYOSTAT_DISCOVERY_KUBERNETES_PORT_NUMBERS",
    "spec.loggingOptions.coreLogLevel": "QUARKUS_LOG_LEVEL",
}
AGENT = "spec.agentOptions.resources"
# Defaults that are compared elsewhere, or that the application has: an absent field sets no variable.
OTHERS = {
    "spec.reportOptions.replicas",
    "spec.targetConnectionCacheOptions.targetCacheSize",
    "spec.networkOptions.coreConfig.ingressSpec",
}
RESOURCES = re.compile(r"[Dd]efault requests (\S+) CPU and (\S+), limits (\S+) CPU and (\S+)\.$")
NUMBER = re.compile(r"\b(?:default|Default)\b[^.]*\d|\d[^.]*\bdefault\b")


def plan() -> Any:
    return settled({"reportOptions": {"replicas": 1}}).plan


@cache
def descriptions() -> dict[str, str]:
    schema = crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return {path: node.get("description", "") for path, node in own_fields(schema)}


def described(pattern: str | re.Pattern[str], path: str) -> tuple[str, ...]:
    found = re.search(pattern, descriptions()[path])
    assert found, descriptions()[path]
    return found.groups()


@pytest.mark.parametrize("path", CONTAINERS)
def test_resources(path: str) -> None:
    deployment, name = CONTAINERS[path]
    found = container(plan(), f"{NAME}{deployment}", f"{NAME}{name}")["resources"]
    requests, limits = found["requests"], found["limits"]
    values = (requests["cpu"], requests["memory"], limits["cpu"], limits["memory"])
    assert described(RESOURCES, path) == values


def test_resources_of_the_agent() -> None:
    assert described(RESOURCES, AGENT) == (*init_container.REQUESTS, *init_container.LIMITS)


@pytest.mark.parametrize("path", SERVICES)
def test_ports_and_types_of_services(path: str) -> None:
    spec = find(plan(), "Service", f"{NAME}{SERVICES[path]}")["spec"]
    assert described(r"Default (\d+)\.$", path) == (str(spec["ports"][0]["port"]),)
    service_type = f"{path.rpartition('.')[0]}.serviceType"
    assert described(r"Default (\w+)\.$", service_type) == (spec.get("type", "ClusterIP"),)


@pytest.mark.parametrize("path", CLAIMS)
def test_sizes_of_claims(path: str) -> None:
    claim = find(plan(), "PersistentVolumeClaim", f"{NAME}{CLAIMS[path]}")
    assert described(r"A claim has (\w+) by default\.$", path) == (claim["spec"]["resources"]["requests"]["storage"],)


@pytest.mark.parametrize("path", VARIABLES)
def test_variables_of_the_application(path: str) -> None:
    assert described(r"Default `?([\w-]+)`?\.$", path) == (environment(plan())[VARIABLES[path]],)


def test_report_generators() -> None:
    assert described(r"Default (\d+):", "spec.reportOptions.replicas") == ("0",)
    objects = settled().plan.objects
    assert [key.name for key in objects if key.kind == "Deployment" and key.name.endswith("-reports")] == []


def test_every_number_is_compared() -> None:
    found = {path for path, text in descriptions().items() if path.startswith("spec.") and NUMBER.search(text)}
    compared = {*CONTAINERS, *SERVICES, *CLAIMS, *VARIABLES, AGENT, *OTHERS}
    assert found - compared == set()
