"""How users log in, as the condition AuthenticationEnabled says it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.plan.components.user_login import authentication
from cryostat_operator.plan.model.snapshot import ContentSummary, Snapshot
from tests.unit.cluster_state import ClusterState, container, cryostat, find, settled
from tests.unit.plan.components.test_auth_proxy import BOTH, FILE, LOGIN, OPEN, PROXY


def test_a_user_that_the_proxy_ignores_is_named_and_blocks_nothing() -> None:
    content = ContentSummary(frozenset({"users.htpasswd"}), "d", login_flaws={"users.htpasswd": ("has x", False)})
    state = settled(FILE)
    state.snapshot = replace(state.snapshot, data={**state.snapshot.data, ("Secret", "users"): content})
    assert not state.plan.blocked
    assert authentication(state.instance)[1] == (
        "Users log in with a password from Secret users. Key users.htpasswd has x: the proxy ignores this user. "
        "Create the line with htpasswd -B"
    )


def test_a_file_with_which_the_proxy_does_not_start_is_named_and_blocks_nothing() -> None:
    content = ContentSummary(frozenset({"users.htpasswd"}), "d", login_flaws={"users.htpasswd": ("has x", True)})
    for openshift, expected in ((False, ["LoginFileInvalid"]), (True, [])):
        state = settled(FILE, openshift=openshift)
        state.snapshot = replace(state.snapshot, data={**state.snapshot.data, ("Secret", "users"): content})
        assert not state.plan.blocked
        assert [each.reason for each in state.plan.warnings if each.component == "auth_proxy"] == expected
        assert (authentication(state.instance)[0] == "LoginFileInvalid") == bool(expected)


@pytest.mark.parametrize(
    ("spec", "openshift", "reason"),
    [
        ({}, False, "LoginGenerated"),
        ({}, True, "OpenShiftSSO"),
        (FILE, False, "BasicAuth"),
        (BOTH, True, "OpenShiftSSO"),
        (OPEN, False, "AuthenticationDisabled"),
        (OPEN, True, "AuthenticationDisabled"),
    ],
)
def test_the_status_shows_how_users_log_in(spec: dict[str, Any], openshift: bool, reason: str) -> None:
    assert authentication(settled(spec, openshift=openshift).instance)[0] == reason


def without_oauth_server(kind: str, spec: dict[str, Any] | None = None) -> ClusterState:
    snapshot = Snapshot(authentication_type=kind)
    return ClusterState(cryostat(spec), openshift=True, snapshot=snapshot).settle()


@pytest.mark.parametrize("kind", ["OIDC", "None"])
def test_openshift_without_an_oauth_server_gets_another_login(kind: str) -> None:
    state = without_oauth_server(kind)
    assert LOGIN in state.plan.requests
    proxy = container(state.plan, "sample", PROXY)
    assert proxy["args"] == ["--alpha-config=/etc/oauth2_proxy/alpha_config/alpha_config.json"]
    assert "oauth2-proxy" in proxy["image"]
    assert authentication(state.instance) == (
        "LoginGenerated",
        "Secret sample-basic-auth contains the generated login in its keys username and password. OpenShift accounts "
        f"cannot be used: the cluster has no OAuth server (Authentication/cluster is {kind})",
    )
    assert "annotations" not in find(state.plan, "ServiceAccount", "sample")["metadata"]
    assert "8180" not in find(state.plan, "ConfigMap", "sample-agent-proxy")["data"]["nginx.conf"]


def test_openshift_without_an_oauth_server_uses_the_users_file() -> None:
    state = without_oauth_server("OIDC", FILE)
    reason, message = authentication(state.instance)
    assert (reason, LOGIN in state.plan.requests) == ("BasicAuth", False)
    assert message.startswith("Users log in with a password from Secret users. OpenShift accounts cannot be used")


@pytest.mark.parametrize("kind", ["", "IntegratedOAuth"])
def test_with_an_oauth_server_people_use_their_accounts(kind: str) -> None:
    assert authentication(without_oauth_server(kind).instance)[0] == "OpenShiftSSO"


def test_where_the_oauth_server_is_not_certain_the_condition_says_what_to_set() -> None:
    state = without_oauth_server("")
    state.snapshot = replace(state.snapshot, authentication_missing=True)
    assert authentication(state.instance) == (
        "OpenShiftSSO",
        "Users log in with their OpenShift account. Authentication/cluster does not exist: if the cluster has no OAuth "
        "server, as MicroShift, set spec.authorizationOptions.basicAuth, and openShiftSSO.disable to true",
    )


def test_without_openshift_the_condition_does_not_mention_its_accounts() -> None:
    assert "OpenShift" not in authentication(settled().instance)[1]
