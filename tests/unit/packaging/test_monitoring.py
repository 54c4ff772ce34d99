"""The Service of the metrics, and the objects that Prometheus needs to read them."""

from __future__ import annotations

from cryostat_operator.packaging import install, install_names

[MONITOR] = install.prometheus_objects()["service-monitor.yaml"]
[SERVICE] = install.installation()["70-metrics-service.yaml"]


def test_the_monitor_selects_only_the_metrics_service() -> None:
    wanted = MONITOR["spec"]["selector"]["matchLabels"].items()
    services = [obj for objs in install.installation().values() for obj in objs if obj["kind"] == "Service"]
    assert [each for each in services if wanted <= each["metadata"]["labels"].items()] == [SERVICE]
    [endpoint] = MONITOR["spec"]["endpoints"]
    [port] = SERVICE["spec"]["ports"]
    assert endpoint["port"] == port["name"]
    assert port["targetPort"] == install_names.WEBHOOK_PORT, "by HTTPS, with a review of the caller"
    assert endpoint["scheme"] == "https"
    assert SERVICE["spec"]["selector"] == install_names.SELECTOR


def test_the_token_for_prometheus_only_permits_metrics() -> None:
    account, token, role, binding = install.prometheus_objects()["metrics-reader.yaml"]
    name = account["metadata"]["name"]
    assert role["rules"] == [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [subject["name"] for subject in binding["subjects"]] == [name]
    assert token["metadata"]["annotations"] == {"kubernetes.io/service-account.name": name}
    [endpoint] = MONITOR["spec"]["endpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": token["metadata"]["name"], "key": "token"}


def test_prometheus_verifies_the_certificate_of_the_operator() -> None:
    [endpoint] = MONITOR["spec"]["endpoints"]
    assert endpoint["tlsConfig"] == {
        "serverName": "cryostat-operator-webhook-service.cryostat-operator-system.svc",
        "ca": {"secret": {"name": "cryostat-operator-webhook-certificate", "key": "ca.crt"}},
    }


def test_the_network_policy_allows_the_metrics_port() -> None:
    [policy] = install.installation()["60-network-policy.yaml"]
    [rule] = policy["spec"]["ingress"]
    assert {port["port"] for port in rule["ports"]} == {install_names.HTTP_PORT, install_names.WEBHOOK_PORT}
    assert policy["spec"]["podSelector"]["matchLabels"] == install_names.SELECTOR
    assert policy["spec"]["policyTypes"] == ["Ingress"]
