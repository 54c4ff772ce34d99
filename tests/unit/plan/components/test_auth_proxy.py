"""The authentication proxy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import HtpasswdValue, RandomValue
from tests.unit.cluster_state import (
    NAMESPACE,
    ClusterState,
    container,
    cryostat,
    environment,
    find,
    mounts,
    names_of,
    reasons,
    requested_values,
    settled,
    volumes,
)
from tests.unit.plan.components.logins import BOTH, FILE, LOGIN, OPEN, PROXY

SECRETS = "/var/run/secrets/operator.cryostat.io"
HEALTH_ONLY = "^/health(/liveness)?$"


def arguments(spec: dict[str, Any]) -> list[str]:
    result: list[str] = container(settled(spec, openshift=True).plan, "sample", PROXY)["args"]
    return result


def variables(spec: dict[str, Any]) -> dict[str, Any]:
    return environment(settled(spec).plan, "sample", PROXY)


def test_by_default_a_login_is_generated_and_required() -> None:
    plan = settled().plan
    assert requested_values(plan, LOGIN) == {
        "username": "cryostat",
        "password": RandomValue(32),
        "htpasswd": HtpasswdValue("cryostat", "password"),
    }
    assert variables({})["OAUTH2_PROXY_HTPASSWD_FILE"] == f"{SECRETS}/htpasswd"
    assert variables({})["OAUTH2_PROXY_SKIP_AUTH_ROUTES"] == HEALTH_ONLY


def test_a_generated_login_is_announced_when_it_exists() -> None:
    """A quota may refuse the Secret."""
    assert reasons(settled().plan.warnings) == {"LoginGenerated"}
    assert reasons(ClusterState(cryostat()).plan.warnings) == set()


def test_only_the_hash_of_the_generated_password_is_mounted() -> None:
    plan = settled().plan
    volume = mounts(plan, "sample", PROXY)[SECRETS]["name"]
    assert volumes(plan)[volume]["secret"]["items"] == [{"key": "htpasswd", "path": "htpasswd", "mode": 0o440}]


def test_the_instance_is_open_only_on_request() -> None:
    assert variables(OPEN)["OAUTH2_PROXY_SKIP_AUTH_ROUTES"] == ".*"
    assert "--bypass-auth-for=.*" in arguments(OPEN)
    plan = settled(OPEN).plan
    assert LOGIN not in plan.requests
    assert LOGIN not in plan.objects
    assert SECRETS not in mounts(plan, "sample", PROXY)


def test_a_file_of_the_user_is_never_bypassed() -> None:
    for spec in (FILE, BOTH):
        assert variables(spec)["OAUTH2_PROXY_HTPASSWD_FILE"] == f"{SECRETS}/users.htpasswd"
        assert variables(spec)["OAUTH2_PROXY_SKIP_AUTH_ROUTES"] == HEALTH_ONLY
        assert f"--bypass-auth-for={HEALTH_ONLY}" in arguments(spec)
        assert f"--htpasswd-file={SECRETS}/users.htpasswd" in arguments(spec)
        assert "--skip-provider-button=false" in arguments(spec)
        assert LOGIN not in settled(spec).plan.requests


def test_a_missing_file_in_the_users_secret_is_noticed() -> None:
    plan = settled(FILE).with_data("Secret", "users", "other").plan
    problem = plan.blocked[Key("Deployment", NAMESPACE, "sample")].problem
    assert problem.reason == "SecretKeyNotFound"
    assert "users.htpasswd" in problem.message


def test_on_openshift_no_login_is_generated_and_oauth2_proxy_is_not_configured() -> None:
    plan = settled(openshift=True).plan
    assert LOGIN not in plan.requests
    assert "sample-oauth2-proxy-cfg" not in names_of(plan, "ConfigMap")
    assert "env" not in container(plan, "sample", PROXY)
    assert "--skip-provider-button=true" in arguments({})


def review(arguments: list[str]) -> tuple[Any, Any]:
    sar, urls = (next(a for a in arguments if a.startswith(f"--openshift-{n}=")) for n in ("sar", "delegate-urls"))
    [first] = json.loads(sar.partition("=")[2])
    return first, json.loads(urls.partition("=")[2])


def test_openshift_users_need_a_permission() -> None:
    default = {"namespace": "here", "verb": "create", "resource": "pods", "subresource": "exec"}
    assert review(arguments({})) == (default, {"/": default})


def test_a_given_review_replaces_the_default_as_a_whole() -> None:
    for given, wanted in (
        ({}, {}),
        ({"verb": "get", "resource": "cryostats", "name": ""}, {"verb": "get", "resource": "cryostats"}),
    ):
        spec = {"authorizationOptions": {"openShiftSSO": {"accessReview": given}}}
        assert review(arguments(spec)) == (wanted, {"/": wanted})


def test_json_on_the_command_line_contains_no_markup() -> None:
    spec = {"authorizationOptions": {"openShiftSSO": {"accessReview": {"name": "<a&b>"}}}}
    assert '--openshift-sar=[{"name":"\\u003ca\\u0026b\\u003e"}]' in arguments(spec)


def test_upstreams_are_what_runs_in_the_pod() -> None:
    config = json.loads(find(settled().plan, "ConfigMap", "sample-oauth2-proxy-cfg")["data"]["alpha_config.json"])
    assert [u["uri"] for u in config["upstreamConfig"]["upstreams"]] == [
        "http://localhost:8181",
        "http://localhost:3000",
    ]
    assert config["server"] == {"bindAddress": "http://0.0.0.0:4180"}


def test_openshifts_proxy_hands_requests_to_nginx_which_removes_headers() -> None:
    upstreams = [a for a in arguments({}) if a.startswith("--upstream=")]
    assert upstreams == ["--upstream=http://127.0.0.1:8180/"]
    for flag in ("access-token", "user-bearer-token", "basic-auth"):
        assert f"--pass-{flag}=false" in arguments({})


def test_with_tls_the_proxy_serves_https() -> None:
    plan = settled({"enableCertManager": True}).plan
    config = json.loads(find(plan, "ConfigMap", "sample-oauth2-proxy-cfg")["data"]["alpha_config.json"])
    assert config["server"]["secureBindAddress"] == "https://0.0.0.0:4180"
    assert f"{SECRETS}/sample-tls" in mounts(plan, "sample", PROXY)
    assert container(plan, "sample", PROXY)["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert f"--tls-cert={SECRETS}/sample-tls/tls.crt" in arguments({"enableCertManager": True})


def ingress(*tls: str) -> dict[str, Any]:
    spec = {"rules": [{"host": "a.example.com"}], "tls": [{"hosts": [host]} for host in tls]}
    return {"networkOptions": {"coreConfig": {"ingressSpec": spec}}}


def opened(kind: str) -> dict[str, Any]:
    return {"serviceOptions": {"coreConfig": {"serviceType": kind}}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, None),
        (ingress(), "false"),
        (ingress("a.example.com"), None),
        (ingress() | {"enableCertManager": True}, "false"),  # the TLS of the browser ends at the Ingress
        (opened("LoadBalancer"), "false"),
        (opened("NodePort"), "false"),
        (opened("LoadBalancer") | {"enableCertManager": True}, None),
        (opened("LoadBalancer") | ingress("a.example.com"), None),
    ],
)
def test_over_plain_http_the_cookie_is_not_restricted_to_https(spec: dict[str, Any], expected: str | None) -> None:
    assert variables(spec).get("OAUTH2_PROXY_COOKIE_SECURE") == expected


def test_an_empty_basic_auth_is_none() -> None:
    spec: dict[str, Any] = {"authorizationOptions": {"basicAuth": {}}}
    assert LOGIN in settled(spec).plan.requests
    assert reasons(settled(spec).plan.problems) == set()


def test_long_names_get_short_volume_names() -> None:
    plan = settled({}, name="x" * 48).plan
    assert all(len(name) <= 63 for name in volumes(plan, "x" * 48))


def login_hash(state: ClusterState, deployment: str = "sample") -> str | None:
    metadata = find(state.plan, "Deployment", deployment)["spec"]["template"]["metadata"]
    found: str | None = metadata["annotations"].get(constants.ANNOTATION_LOGIN_HASH)
    return found


@pytest.mark.parametrize(("spec", "secret"), [({}, "sample-basic-auth"), (FILE, "users"), (BOTH, "users")])
def test_sessions_are_bound_to_the_passwords(spec: dict[str, Any], secret: str) -> None:
    found = variables(spec)
    assert found["LOGIN_HASH"] == f"metadata.annotations['{constants.ANNOTATION_LOGIN_HASH}']"
    assert found["OAUTH2_PROXY_COOKIE_NAME"] == "_oauth2_proxy_$(LOGIN_HASH)"
    assert list(found).index("LOGIN_HASH") < list(found).index("OAUTH2_PROXY_COOKIE_NAME")
    assert found["OAUTH2_PROXY_COOKIE_SAMESITE"] == "lax"
    state = settled(spec).without_deployments()
    before = login_hash(state)
    content, other = state.snapshot.data["Secret", secret], state.snapshot.data["Secret", "sample-storage"]
    assert content
    assert other
    state.with_data("Secret", "sample-storage", *other.keys, digest="changed")
    assert login_hash(state) == before, "other Secrets do not end sessions"
    state.with_data("Secret", secret, *content.keys, digest="changed")
    assert login_hash(state) not in (None, before)
    assert login_hash(state, "sample-database") is None


def test_without_a_login_there_is_no_session() -> None:
    assert "LOGIN_HASH" not in variables(OPEN)
    assert login_hash(settled(OPEN)) is None


def test_on_openshift_sessions_of_logins_by_password_are_bound_to_the_passwords() -> None:
    state = settled(FILE, openshift=True)
    assert "--cookie-name=_oauth_proxy_$(LOGIN_HASH)" in container(state.plan, "sample", PROXY)["args"]
    assert "LOGIN_HASH" in environment(state.plan, "sample", PROXY)
    assert login_hash(state)
    accounts = settled(openshift=True)
    assert not [each for each in container(accounts.plan, "sample", PROXY)["args"] if "cookie" in each]
    assert login_hash(accounts) is None
