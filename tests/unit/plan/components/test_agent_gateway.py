"""The gateway for agents."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.components import agent_gateway
from cryostat_operator.plan.model import names
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, changes, cryostat, find, names_of, settled

NOT_PRUNED = {
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
}
CALLBACK = names.agent_callback_service(NAMESPACE, NAME)


def nginx_conf(**spec: object) -> str:
    text: str = find(settled(spec).plan, "ConfigMap", "sample-agent-proxy")["data"]["nginx.conf"]
    return text


def test_another_service_port_changes_the_service_alone() -> None:
    spec = {"serviceOptions": {"agentGatewayConfig": {"httpPort": 9282, "serviceType": "NodePort"}}}
    assert changes(settled().plan, settled(spec).plan) == {
        "Service/sample-agent.spec.ports[http].port": 9282,
        "Service/sample-agent.spec.type": "NodePort",
    }


def test_callback_names_resolve_before_pods_are_ready() -> None:
    service = find(settled().plan, "Service", CALLBACK)
    assert service["spec"] == {
        "type": "ClusterIP",
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": {"cryostat.io/name": NAME, "cryostat.io/namespace": NAMESPACE},
    }


def test_labels_of_the_user_reach_the_callback_service_but_not_the_reserved_ones() -> None:
    config = {"labels": {"team": "a", "component": "no", constants.LABEL_NAME: "no"}, "annotations": {"x": "y"}}
    metadata = find(settled({"serviceOptions": {"agentCallbackConfig": config}}).plan, "Service", CALLBACK)["metadata"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["labels"]["component"] == "cryostat-agent-callback"
    assert metadata["labels"][constants.LABEL_NAME] == NAME
    assert metadata["annotations"] == {**NOT_PRUNED, "x": "y"}


def test_argo_cd_does_not_prune_a_callback_service() -> None:
    """It has no owner reference, but the label by which Argo CD assigns it to an application of that name."""
    metadata = find(settled().plan, "Service", CALLBACK)["metadata"]
    assert metadata["labels"]["app.kubernetes.io/instance"] == NAME
    assert "ownerReferences" not in metadata
    assert metadata["annotations"] == NOT_PRUNED
    config = {"annotations": {"argocd.argoproj.io/sync-options": "Prune=true"}}
    chosen = find(settled({"serviceOptions": {"agentCallbackConfig": config}}).plan, "Service", CALLBACK)
    assert chosen["metadata"]["annotations"] == {**NOT_PRUNED, **config["annotations"]}


def test_only_callback_services_have_the_tracking_label_of_argo_cd() -> None:
    """All other objects with this label have an owner reference."""
    spec = {"reportOptions": {"replicas": 1}, "targetNamespaces": [NAMESPACE, "there"]}
    without_owner = {
        obj["metadata"]["name"]
        for obj in settled(spec).plan.objects.values()
        if "app.kubernetes.io/instance" in obj["metadata"]["labels"] and "ownerReferences" not in obj["metadata"]
    }
    assert without_owner == {CALLBACK}


def test_without_tls_there_are_no_certificates() -> None:
    assert "ssl" not in nginx_conf()
    assert set(find(settled().plan, "ConfigMap", "sample-agent-proxy")["data"]) == {"nginx.conf"}


def test_with_tls_agents_need_a_certificate() -> None:
    text = nginx_conf(enableCertManager=True)
    directory = "/var/run/secrets/operator.cryostat.io/sample-agent-tls"
    for directive in (
        "listen 8282 ssl;",
        "ssl_verify_client on;",
        f"ssl_client_certificate {directory}/ca.crt;",
        f"default {directory};",
        "ssl_certificate $tls_directory/tls.crt;",
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "listen 8281;",
    ):
        assert f"        {directive}\n" in text


def test_the_group_of_the_key_exchange_is_the_standardized_one() -> None:
    data = find(settled({"enableCertManager": True}).plan, "ConfigMap", "sample-agent-proxy")["data"]
    digest = hashlib.sha256(data["dhparam.pem"].encode()).hexdigest()
    assert digest == "2ef7758563185ad0dc1dbc38ab3a91647701e3ebee344fcf86b52e643bacb721"  # ffdhe2048 of RFC 7919


def test_the_text_names_the_service() -> None:
    assert "server_name sample-agent.here.svc;" in nginx_conf()


def test_the_log_has_no_queries_and_no_headers_but_the_agents_name() -> None:
    text = nginx_conf()
    log_format = text[text.index("log_format") : text.index("access_log")]
    assert "$uri" in log_format
    for leak in ("$request ", '$request"', "$request_uri", "$args", "$http_referer", "$http_x"):
        assert leak not in log_format
    assert "    error_log stderr alert;\n" in text


@pytest.mark.parametrize(
    ("servers", "service", "expected"),
    [
        (("10.0.0.1",), "10.96.0.1", False),
        ((), "10.96.0.1", False),
        ((), None, False),
        (("fd00::1",), "fd00:96::1", True),
        (("10.0.0.1", "fd00::1"), "10.96.0.1", True),
        ((), "fd00:96::1", True),
    ],
)
@pytest.mark.parametrize("openshift", [False, True])
@pytest.mark.parametrize("tls", [False, True])
def test_ipv6_addresses_are_used_if_the_api_server_has_one(
    servers: tuple[str, ...], service: str | None, expected: bool, openshift: bool, tls: bool
) -> None:
    """A kernel that has no IPv6 refuses a socket of this family, and nginx then does not start."""
    settings = Settings(service_tls=tls, api_server_service=(service, 443) if service else None)
    state = ClusterState(cryostat(), openshift, settings=settings)
    state.snapshot = replace(state.snapshot, api_server=servers)
    config = agent_gateway.config_map(state.instance)["data"]["nginx.conf"]
    assert (config.count("listen [::]:") == 2) == expected
    assert ("[::" in config) == expected
    assert config.count("listen ") - config.count("listen [") == 2 + openshift


@pytest.mark.parametrize("servers", [("10.0.0.1",), ("fd00::1",)])
def test_while_the_addresses_of_the_api_server_are_unknown_nothing_restarts(servers: tuple[str, ...]) -> None:
    """An API server that starts has none for a moment, and the user of `diff` may not be allowed to read them."""
    state = ClusterState(cryostat())
    state.snapshot = replace(state.snapshot, api_server=servers)
    known = state.settle().plan.objects
    state.snapshot = replace(state.snapshot, api_server=())
    unknown = state.plan.objects
    assert [key for key in unknown if unknown[key] != known[key]] == []


def test_an_ipv6_address_of_the_service_is_used_while_it_has_one() -> None:
    """A user makes the Service dual-stack in a cluster whose first family is IPv4."""

    def listens(families: list[str] | None) -> bool:
        service = {**find(state.plan, "Service", "sample-agent")}
        service["spec"] = {**service["spec"], "ipFamilies": families}
        state.with_live(service, find(state.plan, "ConfigMap", "sample-agent-proxy"))
        return "listen [::]:" in find(state.plan, "ConfigMap", "sample-agent-proxy")["data"]["nginx.conf"]

    state = settled()
    assert not listens(["IPv4"])
    assert listens(["IPv4", "IPv6"])
    assert listens(None), "a Service that is being created again has no address for a moment"
    assert not listens(["IPv4"])


def test_only_on_openshift_users_pass_through_the_gateway() -> None:
    assert "8180" not in nginx_conf()
    text = find(settled(openshift=True).plan, "ConfigMap", "sample-agent-proxy")["data"]["nginx.conf"]
    assert "        listen 127.0.0.1:8180;\n" in text
    assert "        default $http_x_forwarded_user;\n" in text
    spec = {"authorizationOptions": {"openShiftSSO": {"disable": True}}}
    text = find(settled(spec, openshift=True).plan, "ConfigMap", "sample-agent-proxy")["data"]["nginx.conf"]
    assert "$http_x_forwarded_user" not in text


def test_services_are_the_known_ones() -> None:
    assert names_of(settled().plan, "Service") == {
        "sample",
        "sample-agent",
        "sample-database",
        "sample-storage",
        CALLBACK,
    }
