"""How users log in, as the condition AuthenticationEnabled says it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.plan.components.user_login import authentication
from cryostat_operator.plan.model.snapshot import ContentSummary, Snapshot
from tests.unit.cluster_state import ClusterState, container, cryostat, find, settled
from tests.unit.plan.components.logins import BOTH, FILE, LOGIN, OPEN, PROXY


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


MISSING = ""  # instead of the type of `Authentication/cluster`: the object does not exist


def without_oauth_server(kind: str, spec: dict[str, Any] | None = None) -> ClusterState:
    snapshot = Snapshot(authentication_type=kind, authentication_missing=kind == MISSING)
    return ClusterState(cryostat(spec), openshift=True, snapshot=snapshot).settle()


@pytest.mark.parametrize(("kind", "cause"), [("OIDC", "is OIDC"), ("None", "is None"), (MISSING, "does not exist")])
def test_openshift_without_an_oauth_server_gets_another_login(kind: str, cause: str) -> None:
    state = without_oauth_server(kind)
    assert LOGIN in state.plan.requests
    proxy = container(state.plan, "sample", PROXY)
    assert proxy["args"] == ["--alpha-config=/etc/oauth2_proxy/alpha_config/alpha_config.json"]
    assert "oauth2-proxy" in proxy["image"]
    assert authentication(state.instance) == (
        "LoginGenerated",
        "Secret sample-basic-auth contains the generated login in its keys username and password. OpenShift accounts "
        f"cannot be used: the cluster has no OAuth server (Authentication/cluster {cause})",
    )
    assert "annotations" not in find(state.plan, "ServiceAccount", "sample")["metadata"]
    assert "8180" not in find(state.plan, "ConfigMap", "sample-agent-proxy")["data"]["nginx.conf"]


@pytest.mark.parametrize("kind", ["OIDC", MISSING])
def test_openshift_without_an_oauth_server_uses_the_users_file(kind: str) -> None:
    state = without_oauth_server(kind, FILE)
    reason, message = authentication(state.instance)
    assert (reason, LOGIN in state.plan.requests) == ("BasicAuth", False)
    assert message.startswith("Users log in with a password from Secret users. OpenShift accounts cannot be used")


@pytest.mark.parametrize("kind", ["", "IntegratedOAuth"])
def test_with_an_oauth_server_people_use_their_accounts(kind: str) -> None:
    state = ClusterState(cryostat(), openshift=True, snapshot=Snapshot(authentication_type=kind)).settle()
    assert authentication(state.instance) == ("OpenShiftSSO", "Users log in with their OpenShift account")
    assert LOGIN not in state.plan.requests


def test_openshift_without_an_oauth_server_needs_no_login_only_if_the_spec_says_so() -> None:
    assert authentication(without_oauth_server(MISSING, OPEN).instance)[0] == "AuthenticationDisabled"


def test_without_openshift_the_condition_does_not_mention_its_accounts() -> None:
    assert "OpenShift" not in authentication(settled().instance)[1]
