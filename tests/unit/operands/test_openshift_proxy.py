"""The simulated oauth-proxy of OpenShift accepts the operator's options, and refuses wrong ones."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.operands.openshift_proxy import OPTIONS, RefusedError, check, parse, users
from tests.unit.cluster_state import container, settled

SECRET = {"OAUTH2_PROXY_COOKIE_SECRET": "x" * 32}
VALID = ("--upstream=http://127.0.0.1:8080/", "--openshift-service-account=a", "--https-address=")
FILE = {"basicAuth": {"secretName": "users", "filename": "users.htpasswd"}}
REVIEW = {"verb": "get", "resource": "cryostats", "group": "operator.cryostat.io"}
SPECS: list[dict[str, Any]] = [
    {},
    {"enableCertManager": False},
    {"authorizationOptions": FILE},
    {"authorizationOptions": {"openShiftSSO": {"disable": True}}},
    {"authorizationOptions": {"openShiftSSO": {"accessReview": REVIEW}}},
]


def refused(*arguments: str, variables: dict[str, str] = SECRET) -> str:
    with pytest.raises(RefusedError) as error:
        check(arguments, variables)
    return str(error.value)


@pytest.mark.parametrize("spec", SPECS)
def test_the_proxy_accepts_the_options_of_the_operator(spec: dict[str, Any]) -> None:
    found = container(settled(spec, openshift=True).plan, "sample", "sample-auth-proxy")
    # The kubelet replaces variables, and `$$` by `$`.
    arguments = [re.sub(r"\$\((\w+)\)", "hash", each).replace("$$", "$") for each in found["args"]]
    options = check(arguments, SECRET)
    assert options["upstream"]
    assert options["openshift-sar"]
    assert not {"pass-access-token", "pass-basic-auth", "pass-user-bearer-token"} & {
        name for name, value in options.items() if value is True
    }


def test_an_option_that_does_not_exist_is_refused() -> None:
    assert check(VALID, SECRET)["openshift-service-account"] == "a"
    assert refused(*VALID, "--alpha-config=x") == "flag provided but not defined: -alpha-config"
    assert "whitelist-domain" not in OPTIONS


def test_values_have_the_kind_of_their_option() -> None:
    assert parse(["-proxy-websockets", "-scope", "a", "--upstream=x", "--upstream=y"]) == {
        "proxy-websockets": True,
        "scope": "a",
        "upstream": ["x", "y"],
    }
    assert "invalid boolean" in refused(*VALID, "--pass-basic-auth=no")
    assert "invalid duration" in refused(*VALID, "--upstream-timeout=30")
    assert "needs an argument" in refused(*VALID, "--scope")
    assert "no option" in refused(*VALID, "--pass-basic-auth", "false")


def test_upstream_cookie_secret_and_client_are_needed() -> None:
    assert refused(*VALID[1:]) == "missing setting: upstream"
    assert refused(*VALID, variables={}) == "missing setting: cookie-secret"
    assert refused(VALID[0], VALID[2]) == "missing setting: client-id, client-secret"
    assert "not recognized" in refused(*VALID, "--provider=google")


@pytest.mark.parametrize("option", ["--pass-access-token=true", "--cookie-refresh=1h"])
def test_a_cookie_with_a_token_needs_a_secret_with_the_size_of_a_cipher_key(option: str) -> None:
    assert check([*VALID, option], {"OAUTH2_PROXY_COOKIE_SECRET": "a secret of 16 !"})
    message = "cookie_secret must be 16, 24, or 32 bytes"
    assert refused(*VALID, option, variables={"OAUTH2_PROXY_COOKIE_SECRET": "!"}) == message
    # 24 characters of base64 are 18 bytes.
    assert refused(*VALID, option, variables={"OAUTH2_PROXY_COOKIE_SECRET": "a" * 24}) == message
    assert check(VALID, {"OAUTH2_PROXY_COOKIE_SECRET": "!"})


def test_a_cookie_has_a_valid_name_and_site() -> None:
    assert "invalid cookie name" in refused(*VALID, "--cookie-name=a b")
    assert "cookie_samesite" in refused(*VALID, "--cookie-samesite=Lax")


def test_upstreams_have_a_known_protocol_and_different_paths() -> None:
    assert "protocol" in refused(*VALID, "--upstream=unix:///socket")
    assert "same path" in refused(*VALID, "--upstream=http://localhost:8181")
    assert check([*VALID, "--upstream=http://localhost:8181/other/"], SECRET)


def test_reviews_are_json_of_their_form() -> None:
    assert "unable to decode" in refused(*VALID, "--openshift-sar=[{")
    assert "form" in refused(*VALID, "--openshift-sar=[1]")
    assert "form" in refused(*VALID, '--openshift-delegate-urls=[{"verb": "get"}]')
    assert check([*VALID, '--openshift-sar={"verb": "get"}', '--openshift-delegate-urls={"/": {}}'], SECRET)


def test_paths_without_login_are_expressions_of_one_option() -> None:
    assert "compiling" in refused(*VALID, "--bypass-auth-for=(")
    assert "together" in refused(*VALID, "--bypass-auth-for=a", "--bypass-auth-except-for=b")


def test_the_proxy_listens_with_a_certificate_or_without_tls() -> None:
    assert "must specify" in refused(*VALID, "--http-address=")
    assert "tls config" in refused(*VALID[:2])
    assert check([*VALID[:2], "--tls-cert=a", "--tls-key=b"], SECRET)
    assert "tls-client-ca" in refused(*VALID, "--tls-client-ca=a")


def test_users_need_a_known_hash_and_consistent_lines() -> None:
    assert users("# users\na:$2y$05$x\nb:{SHA}x\nc:$apr1$x\n") == {"a": True, "b": True, "c": False}
    with pytest.raises(RefusedError, match="number of fields"):
        users("a:{SHA}x\nb:{SHA}x:comment\n")
    with pytest.raises(RefusedError, match="no password"):
        users("a\n")
