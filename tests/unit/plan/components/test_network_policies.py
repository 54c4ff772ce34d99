"""Network policies."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.plan.components.network_policies import DNS
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat, find, names_of, settled

ALL = {f"sample-{part}internal-ingress" for part in ("", "db-", "storage-", "reports-")}


def policies(**configs: dict[str, bool]) -> set[str]:
    return names_of(settled({"networkPolicies": configs}).plan, "NetworkPolicy")


@pytest.mark.parametrize(
    ("config", "part"),
    [("coreConfig", ""), ("databaseConfig", "db-"), ("storageConfig", "storage-"), ("reportsConfig", "reports-")],
)
def test_each_component_can_be_left_without_policies(config: str, part: str) -> None:
    ingress, egress = f"sample-{part}internal-ingress", f"sample-{part}internal-egress"
    assert policies() == ALL
    assert policies(**{config: {"ingressDisabled": True}}) == ALL - {ingress}
    assert policies(**{config: {"disabled": True, "egressEnabled": True}}) == ALL - {ingress}
    assert policies(**{config: {"egressEnabled": True}}) == ALL | {egress}
    assert policies(**{config: {"egressEnabled": True, "ingressDisabled": True}}) == ALL - {ingress} | {egress}


def egress(config: str, part: str, spec: dict[str, Any] | None = None, *, openshift: bool = False) -> list[Any]:
    wanted = {"networkPolicies": {config: {"egressEnabled": True}}, **(spec or {})}
    plan = settled(wanted, openshift=openshift).plan
    rules: list[Any] = find(plan, "NetworkPolicy", f"sample-{part}internal-egress")["spec"]["egress"]
    return rules


def namespaces(rules: list[Any]) -> list[str]:
    [expression] = rules[0]["to"][0]["namespaceSelector"]["matchExpressions"]
    found: list[str] = expression["values"]
    return found


def test_the_application_reaches_targets_the_api_server_and_dns() -> None:
    rules = egress("coreConfig", "", {"targetNamespaces": ["b", "a"]})
    assert namespaces(rules) == ["a", "b", "here", "kube-system"]
    api_server = {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [{"port": 6443, "protocol": "TCP"}]}
    assert rules[1:] == [api_server, DNS]


def test_on_openshift_the_application_reaches_its_dns_and_login() -> None:
    assert {"openshift-dns", "openshift-authentication"} <= set(namespaces(egress("coreConfig", "", openshift=True)))


def test_every_address_of_the_api_server_is_allowed_in_its_family() -> None:
    state = ClusterState(cryostat({"networkPolicies": {"coreConfig": {"egressEnabled": True}}}))
    state.snapshot = replace(state.snapshot, api_server=("10.0.0.1", "10.0.0.2", "fd00::1"))
    rules = find(state.plan, "NetworkPolicy", "sample-internal-egress")["spec"]["egress"]
    assert [peer["ipBlock"]["cidr"] for peer in rules[1]["to"]] == ["10.0.0.1/32", "10.0.0.2/32", "fd00::1/128"]


@pytest.mark.parametrize(
    ("address", "cidr"), [("10.96.0.1", "10.96.0.1/32"), ("fd00::9", "fd00::9/128"), ("10.0.0.1", None)]
)
def test_the_service_of_the_api_server_is_allowed_too(address: str, cidr: str | None) -> None:
    settings = Settings(service_tls=False, api_server_service=(address, 443))
    state = ClusterState(cryostat({"networkPolicies": {"coreConfig": {"egressEnabled": True}}}), settings=settings)
    rules = find(state.plan, "NetworkPolicy", "sample-internal-egress")["spec"]["egress"]
    service = {"to": [{"ipBlock": {"cidr": cidr}}], "ports": [{"port": 443, "protocol": "TCP"}]}
    assert rules[2:] == ([service, DNS] if cidr else [DNS])


@pytest.mark.parametrize("ports", [(), (443,), (443, 6443)])
def test_the_api_server_is_reached_on_its_ports_only_if_they_are_known(ports: tuple[int, ...]) -> None:
    state = ClusterState(cryostat({"networkPolicies": {"coreConfig": {"egressEnabled": True}}}))
    state.snapshot = replace(state.snapshot, api_server_ports=ports)
    rule = find(state.plan, "NetworkPolicy", "sample-internal-egress")["spec"]["egress"][1]
    assert [port["port"] for port in rule.get("ports", [])] == list(ports)
    assert ("ports" in rule) == bool(ports)  # an empty list would be a difference to what the API server stores


def test_an_unknown_api_server_is_not_blocked() -> None:
    state = ClusterState(cryostat({"networkPolicies": {"coreConfig": {"egressEnabled": True}}}))
    state.snapshot = replace(state.snapshot, api_server=())
    blocked = state.plan.blocked[Key("NetworkPolicy", NAMESPACE, "sample-internal-egress")]
    assert blocked.problem.reason == "ApiServerUnknown"


@pytest.mark.parametrize(
    ("url", "port"), [("https://s3.example.com", 443), ("http://s3", 80), ("https://s3.example.com:9000/x", 9000)]
)
def test_an_external_storage_stays_reachable(url: str, port: int) -> None:
    spec = {"objectStorageOptions": {"secretName": "s", "provider": {"url": url, "region": "r"}}}
    wanted = {"ports": [{"port": port, "protocol": "TCP"}]}
    assert egress("coreConfig", "", spec)[-1] == wanted
    assert egress("reportsConfig", "reports-", spec) == [DNS, wanted]


def test_the_insights_proxy_stays_reachable() -> None:
    state = ClusterState(cryostat({"networkPolicies": {"coreConfig": {"egressEnabled": True}}}), openshift=True)
    state.settings = replace(state.settings, insights_proxy="http://insights.here.svc:8080/")
    rules = find(state.plan, "NetworkPolicy", "sample-internal-egress")["spec"]["egress"]
    assert rules[-1] == {"ports": [{"port": 8080, "protocol": "TCP"}]}


def test_report_generators_connect_to_the_storage_and_database_and_storage_to_nothing() -> None:
    [dns, storage] = egress("reportsConfig", "reports-")
    assert dns == DNS
    assert storage["to"][0]["podSelector"]["matchLabels"]["component"] == "storage"
    assert storage["ports"] == [{"port": 8333, "protocol": "TCP"}]
    assert egress("databaseConfig", "db-") == egress("storageConfig", "storage-") == [DNS]


def test_traffic_from_outside_the_cluster_is_allowed_for_node_ports_and_load_balancers() -> None:
    def peers(kind: str) -> list[Any]:
        plan = settled({"serviceOptions": {"coreConfig": {"serviceType": kind}}}).plan
        found: list[Any] = find(plan, "NetworkPolicy", "sample-internal-ingress")["spec"]["ingress"][0]["from"]
        return found

    outside = [{"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}]
    assert peers("LoadBalancer") == peers("NodePort") == peers("ClusterIP") + outside


def test_traffic_from_outside_the_cluster_is_allowed_for_an_ingress() -> None:
    """Its controller may be in the network of the nodes, which some network plugins treat as outside."""

    def peers(spec: dict[str, Any], *, openshift: bool = False) -> list[Any]:
        plan = settled({"networkOptions": {"coreConfig": spec}}, openshift=openshift).plan
        found: list[Any] = find(plan, "NetworkPolicy", "sample-internal-ingress")["spec"]["ingress"]
        assert all("ipBlock" not in peer for rule in found[1:] for peer in rule["from"])  # the agent gateway
        assert [port["port"] for port in found[0]["ports"]] == [4180]
        return [peer["ipBlock"]["cidr"] for peer in found[0]["from"] if "ipBlock" in peer]

    ingress = {"ingressSpec": {"rules": [{"host": "example.com"}]}}
    assert peers(ingress) == ["0.0.0.0/0", "::/0"]
    assert peers({}) == peers(ingress, openshift=True) == []  # there, a Route is used, and its router is allowed


def test_only_the_application_reaches_the_database() -> None:
    [rule] = find(settled().plan, "NetworkPolicy", "sample-db-internal-ingress")["spec"]["ingress"]
    [peer] = rule["from"]
    assert peer["podSelector"]["matchLabels"] == {"app": "sample", "kind": "cryostat", "component": "cryostat"}
    assert rule["ports"] == [{"port": 5432, "protocol": "TCP"}]
