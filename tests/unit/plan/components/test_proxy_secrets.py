"""The Secrets with which nginx proves where a request came from."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.model.kinds import KINDS, Key
from cryostat_operator.plan.model.requests import NginxHeaderValue, RandomValue
from cryostat_operator.plan.model.snapshot import Snapshot
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import (
    NAME,
    NAMESPACE,
    ClusterState,
    changes,
    cryostat,
    environment,
    find,
    mounts,
    requested_values,
    volumes,
)

SECRETS = "/var/run/secrets/operator.cryostat.io"
AGENTS, USERS = Key("Secret", NAMESPACE, "sample-agent-gateway"), Key("Secret", NAMESPACE, "sample-user-proxy")
NGINX = "sample-agent-proxy"
APIS = frozenset(name for name, kind in KINDS.items() if not kind.optional)


def state(
    spec: dict[str, Any] | None = None, *, openshift: bool = False, on: bool = True, tls: bool = True
) -> ClusterState:
    settings = Settings(service_tls=tls, proxy_secrets=on)
    return ClusterState(cryostat(spec), openshift, settings=settings, snapshot=Snapshot(apis=APIS)).settle()


def nginx_conf(given: ClusterState) -> str:
    text: str = find(given.plan, "ConfigMap", "sample-agent-proxy")["data"]["nginx.conf"]
    return text


@pytest.mark.parametrize("openshift", [False, True])
def test_by_default_there_are_none(openshift: bool) -> None:
    assert not Settings().proxy_secrets
    plan = state(openshift=openshift, on=False).plan
    assert not {AGENTS, USERS} & {*plan.objects, *plan.requests}
    assert not [name for name in environment(plan) if name.startswith("CRYOSTAT_SECURITY_")]


@pytest.mark.parametrize("openshift", [False, True])
def test_each_has_a_value_for_the_application_and_a_directive_for_nginx(openshift: bool) -> None:
    plan = state(openshift=openshift).plan
    assert plan.blocked == {}
    assert requested_values(plan, AGENTS) == {
        "AGENT_GATEWAY_SECRET": RandomValue(32),
        "agent-auth.conf": NginxHeaderValue("X-Cryostat-Agent-Auth", "AGENT_GATEWAY_SECRET"),
    }
    assert requested_values(plan, USERS) == {
        "USER_PROXY_SECRET": RandomValue(32),
        "user-auth.conf": NginxHeaderValue("X-Cryostat-User-Proxy-Auth", "USER_PROXY_SECRET"),
    }
    for key in (AGENTS, USERS):
        [owner] = plan.objects[key]["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["controller"]) == ("Cryostat", True)
        assert "data" not in plan.objects[key]


@pytest.mark.parametrize("openshift", [False, True])
def test_the_application_and_nginx_use_them_and_no_other_container(openshift: bool) -> None:
    plan = state(openshift=openshift).plan
    variables = {name: value for name, value in environment(plan).items() if name.startswith("CRYOSTAT_SECURITY_")}
    assert variables == {
        "CRYOSTAT_SECURITY_AGENT_GATEWAY_SECRET": "sample-agent-gateway/AGENT_GATEWAY_SECRET",
        "CRYOSTAT_SECURITY_USER_PROXY_SECRET": "sample-user-proxy/USER_PROXY_SECRET",
    }
    containers = find(plan, "Deployment", NAME)["spec"]["template"]["spec"]["containers"]
    using = [c["name"] for c in containers if "-user-proxy" in str(c) or "agent-gateway" in str(c)]
    assert [name for name in using if name != NGINX] == [NAME]
    assert {path for path in mounts(plan, NAME, NGINX) if path.startswith(SECRETS)} == {
        f"{SECRETS}/sample-agent-tls",
        f"{SECRETS}/agent-gateway",
        f"{SECRETS}/user-proxy",
    }


def test_nginx_gets_the_directive_alone_and_only_its_group_can_read_it() -> None:
    plan = state().plan
    for name, file in (("agent-gateway", "agent-auth.conf"), ("user-proxy", "user-auth.conf")):
        mount = mounts(plan, NAME, NGINX)[f"{SECRETS}/{name}"]
        assert mount["readOnly"] is True
        assert volumes(plan)[mount["name"]]["secret"] == {
            "secretName": f"sample-{name}",
            "items": [{"key": file, "path": file, "mode": 0o440}],
        }


def test_a_volume_of_the_user_may_have_the_same_name() -> None:
    plan = state({"declarativeCredentials": [{"secretName": "user-proxy-secret"}]}).plan
    assert volumes(plan)["user-proxy-secret"]["secret"]["secretName"] == "sample-user-proxy"
    assert mounts(plan)["/opt/cryostat.d/credentials.d/user-proxy-secret"]["name"] != "user-proxy-secret"


def test_each_directive_is_included_at_one_place() -> None:
    for openshift in (False, True):
        text = nginx_conf(state(openshift=openshift))
        agents, _, users = text.partition("listen 8281;")
        assert (agents.count("/agent-auth.conf;"), agents.count("/user-auth.conf;")) == (1, 0)
        assert (users.count("/agent-auth.conf;"), users.count("/user-auth.conf;")) == (0, 1)
        assert f"include {SECRETS}/agent-gateway/agent-auth.conf;\n" in agents
        assert f"include {SECRETS}/user-proxy/user-auth.conf;\n" in users


@pytest.mark.parametrize("openshift", [False, True])
def test_without_tls_the_gateway_vouches_for_no_agent(openshift: bool) -> None:
    given = state(openshift=openshift, tls=False)
    assert {AGENTS, USERS} & set(given.plan.objects) == {USERS}
    assert "agent-auth.conf" not in nginx_conf(given)
    assert "user-auth.conf" in nginx_conf(given)
    assert "CRYOSTAT_SECURITY_AGENT_GATEWAY_SECRET" not in environment(given.plan)
    assert environment(given.plan)["CRYOSTAT_SECURITY_USER_PROXY_SECRET"] == "sample-user-proxy/USER_PROXY_SECRET"


def test_on_kubernetes_oauth2_proxy_sends_requests_for_the_application_through_nginx() -> None:
    """oauth2-proxy itself would send the value to Grafana, too."""
    config = json.loads(find(state().plan, "ConfigMap", "sample-oauth2-proxy-cfg")["data"]["alpha_config.json"])
    upstreams = {each["id"]: each["uri"] for each in config["upstreamConfig"]["upstreams"]}
    assert upstreams == {"cryostat": "http://127.0.0.1:8180", "grafana": "http://localhost:3000"}
    auth = [each for each in config["injectRequestHeaders"] if each["name"] == "X-Cryostat-User-Proxy-Auth"]
    assert auth == [{"name": "X-Cryostat-User-Proxy-Auth", "values": []}]
    text = nginx_conf(state())
    assert "        listen 127.0.0.1:8180;\n" in text
    assert "location /grafana/" not in text


@pytest.mark.parametrize("key", [AGENTS, USERS])
def test_a_new_value_restarts_the_main_pod_alone_and_at_once(key: Key) -> None:
    given = state()
    before = {k: o for k, o in given.plan.objects.items() if k.kind == "Deployment"}
    content = given.snapshot.data["Secret", key.name]
    assert content
    plan = given.with_data("Secret", key.name, *content.keys, digest="other").plan
    assert plan.blocked == {}
    after = {k: o for k, o in plan.objects.items() if k.kind == "Deployment"}
    assert [k.name for k in after if after[k] != before[k]] == [NAME]
    annotations = [o[Key("Deployment", NAMESPACE, NAME)]["spec"]["template"]["metadata"] for o in (before, after)]
    hashes = [each["annotations"][constants.ANNOTATION_SECRET_HASH] for each in annotations]
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize("missing", [AGENTS, USERS])
def test_the_pod_waits_for_a_deleted_secret_which_is_generated_again(missing: Key) -> None:
    given = state().without_data("Secret", missing.name)
    given.snapshot = replace(given.snapshot, live={k: obj for k, obj in given.snapshot.live.items() if k != missing})
    problem = given.plan.blocked[Key("Deployment", NAMESPACE, NAME)].problem
    assert (problem.reason, problem.actionable) == ("SecretPending", False)
    [change] = diff(given.plan, given.snapshot, given.cryostat.metadata["uid"]).changes
    assert (change.verb, change.key, change.request) == ("create", missing, given.plan.requests[missing])


@pytest.mark.parametrize("openshift", [False, True])
def test_switched_off_again_everything_is_as_before_and_the_secrets_are_deleted(openshift: bool) -> None:
    given, never = state(openshift=openshift), state(openshift=openshift, on=False)
    given.settings = never.settings
    assert changes(given.plan, never.plan) == {}
    for key in (AGENTS, USERS):
        given.snapshot.live[key]["metadata"]["uid"] = "its UID"
    found = diff(given.plan, given.snapshot, given.cryostat.metadata["uid"]).changes
    assert {change.key for change in found if change.verb == "delete"} == {AGENTS, USERS}
