"""Each row of the table of connections, computed from the planned NetworkPolicies."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from cryostat_operator.api.network_options import NetworkPolicies, NetworkPolicyConfig
from cryostat_operator.packaging import install_names, operator_deployment
from cryostat_operator.plan import workloads
from cryostat_operator.plan.model import names
from tests import network_flows
from tests.network_flows import SOURCES, STATES, TABLE, expected, place_of
from tests.unit.cluster_state import API_SERVER, NAMESPACE, ClusterState, cryostat
from tests.unit.network_policy_rules import Place, allowed

OUTSIDE = Place("203.0.113.7")
TARGETS = {"targetNamespaces": [NAMESPACE, "target"]}
FIELDS = [row["networkPolicies"] for row in TABLE["fields"]]


def places(state: ClusterState) -> dict[str, Place]:
    components = {"application": workloads.CORE} | {name: name for name in ("database", "reports", "storage")}
    own = {
        name: Place(f"10.1.0.{number}", NAMESPACE, workloads.pod_labels(state.instance, component))
        for number, (name, component) in enumerate(components.items(), 1)
    }
    return own | {
        "neighbor": Place("10.1.0.9", NAMESPACE, {"app": "neighbor"}),
        "target": Place("10.1.0.10", "target", {"app": "java"}),
        "other": Place("10.1.0.11", "other", {"app": "sample", "kind": "cryostat", "component": "cryostat"}),
        "operator": Place("10.1.0.12", install_names.NAMESPACE, {**install_names.LABELS, **install_names.SELECTOR}),
        "outside": OUTSIDE,
        "api-server": Place(API_SERVER[0]),
        "dns": Place("169.254.20.10"),
    }


def computed(policies: dict[str, Any], spec: dict[str, Any] | None = None) -> dict[tuple[str, str], bool]:
    """Whether each connection is open with the planned policies."""
    state = ClusterState(cryostat({**TARGETS, "networkPolicies": policies, **(spec or {})})).settle()
    planned = [obj for key, obj in state.plan.objects.items() if key.kind == "NetworkPolicy"]
    planned.append(operator_deployment.network_policy())
    known = places(state)
    return {
        (source, port): allowed(planned, known[source], known[place_of(port)], int(port.partition(":")[2]))
        for source, port in network_flows.flows()
    }


@pytest.mark.parametrize("policies", [*FIELDS, *STATES], ids=str)
def test_connections_are_as_the_table_says(policies: dict[str, Any]) -> None:
    assert computed(policies) == expected(policies)


def test_the_table_has_each_field_of_each_component_alone_and_on_the_node() -> None:
    components = {field.alias for field in NetworkPolicies.model_fields.values()}
    fields = {field.alias for field in NetworkPolicyConfig.model_fields.values()}
    every = set(itertools.product(components, fields))
    for given in (FIELDS, STATES):
        assert {(name, field) for policies in given for name, config in policies.items() for field in config} == every


def test_the_table_has_the_port_of_each_component() -> None:
    ports = {
        "application": (names.PORT_AUTH_PROXY, names.PORT_AGENT_GATEWAY, names.PORT_GRAFANA),
        "database": (names.PORT_DATABASE,),
        "reports": (names.PORT_REPORTS,),
        "storage": (names.PORT_STORAGE,),
        "operator": (install_names.WEBHOOK_PORT, install_names.HTTP_PORT),
    }
    listed = [f"{place}:{port}" for place, numbers in ports.items() for port in numbers]
    assert set(listed) <= set(TABLE["open"])
    own = {f"application:{port}" for port in (names.PORT_APPLICATION, names.PORT_DATASOURCE)}
    assert own == set(TABLE["loopback"])
    assert {source for row in TABLE["open"].values() for source in row} == set(SOURCES)


def test_a_pod_in_no_target_namespace_cannot_reach_the_agent_gateway() -> None:
    found = computed({}, {"targetNamespaces": [NAMESPACE]})
    differences = {flow for flow, is_open in expected({}).items() if found[flow] != is_open}
    assert differences == {("target", f"application:{names.PORT_AGENT_GATEWAY}")}


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_only_the_authentication_proxy_is_reached_from_outside(kind: str) -> None:
    found = computed({}, {"serviceOptions": {"coreConfig": {"serviceType": kind}}})
    differences = {flow for flow, is_open in expected({}).items() if found[flow] != is_open}
    assert differences == {("outside", f"application:{names.PORT_AUTH_PROXY}")}


def test_an_external_storage_is_reached_on_its_port() -> None:
    provider = {"secretName": "s", "provider": {"url": "https://s3.example.com", "region": "r"}}
    limited = {"coreConfig": {"egressEnabled": True}, "reportsConfig": {"egressEnabled": True}}
    found = computed(limited, {"objectStorageOptions": provider})
    for source in ("application", "reports"):
        assert found[source, "outside:443"] is True
        assert found[source, "other:9977"] is False


def test_report_generators_reach_the_port_of_the_storage_in_its_pods_only() -> None:
    state = ClusterState(cryostat({"networkPolicies": {"reportsConfig": {"egressEnabled": True}}})).settle()
    planned = [obj for key, obj in state.plan.objects.items() if key.kind == "NetworkPolicy"]
    known = places(state)
    for name, is_open in {"storage": True, "other": False, "neighbor": False, "outside": False}.items():
        assert allowed(planned, known["reports"], known[name], names.PORT_STORAGE) == is_open, name
