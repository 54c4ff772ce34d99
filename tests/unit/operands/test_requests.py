"""The simulated application's checks of a request."""

from __future__ import annotations

import pytest

from tests.operands.discovery import RefusedError
from tests.operands.requests import Proxies, ProxySecrets, body_limit, check_headers, check_size, client_address
from tests.programs.pod import planned
from tests.unit.cluster_state import environment

LOOPBACK = Proxies.parse("127.0.0.0/8,::1/128")


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        ("127.0.0.1", "10.0.0.7", "10.0.0.7"),
        ("::1", "[fd00::7]", "fd00::7"),
        ("127.0.0.1", "10.0.0.7, 10.0.0.8", "10.0.0.7"),
        ("127.0.0.1", "", "127.0.0.1"),
    ],
)
def test_a_trusted_proxy_sets_the_address(peer: str, header: str, address: str) -> None:
    assert client_address(peer, {"x-forwarded-for": header}, LOOPBACK) == address


def test_only_a_trusted_proxy_sets_the_address() -> None:
    assert client_address("10.0.0.9", {"x-forwarded-for": "10.0.0.7"}, LOOPBACK) == "10.0.0.9"


def test_text_that_is_not_an_address_is_refused() -> None:
    with pytest.raises(RefusedError) as error:
        client_address("127.0.0.1", {"x-forwarded-for": "unknown"}, LOOPBACK)
    assert error.value.status == 400


@pytest.mark.parametrize("headers", [{}, {"x-cryostat-agent-proxy": "true", "x-forwarded-user": "boss"}])
@pytest.mark.parametrize("path", ["/api/v4/discovery", "/api/v4.2/discovery/1", "/api/beta/recordings/1"])
def test_requests_of_agents_need_the_header_of_the_gateway_and_no_user(path: str, headers: dict[str, str]) -> None:
    with pytest.raises(RefusedError) as error:
        check_headers(path, headers)
    assert error.value.status == 403


def test_requests_of_the_gateway_and_of_users_are_accepted() -> None:
    check_headers("/api/v4/discovery", {"x-cryostat-agent-proxy": "true"})
    check_headers("/api/v4/targets", {"x-forwarded-user": "cryostat"})


SECRETS = ProxySecrets("of agents", "of users")
AGENT, USER = {"x-cryostat-agent-auth": "of agents"}, {"x-cryostat-user-proxy-auth": "of users"}


@pytest.mark.parametrize("headers", [{}, {"x-cryostat-agent-auth": "x", "x-cryostat-user-proxy-auth": "x"}])
@pytest.mark.parametrize("path", ["/api/v4/discovery", "/api/v4/targets", "/", "/healthy"])
def test_a_request_without_the_secret_of_its_proxy_is_refused(path: str, headers: dict[str, str]) -> None:
    for sent in (headers, USER if path == "/api/v4/discovery" else AGENT):
        with pytest.raises(RefusedError) as error:
            SECRETS.check(path, sent)
        assert error.value.status == 401


def test_requests_with_the_secret_and_probes_are_accepted() -> None:
    SECRETS.check("/api/v4/discovery", AGENT)
    SECRETS.check("/api/v4/targets", USER)
    SECRETS.check("/health/liveness", {})
    ProxySecrets(None, None).check("/api/v4/targets", {})


def test_the_secrets_are_those_that_the_operator_sets() -> None:
    """`environment` shows the Secret and the key in place of the value."""
    assert ProxySecrets.from_env(environment(planned(proxy_secrets=True))) == ProxySecrets(
        "sample-agent-gateway/AGENT_GATEWAY_SECRET", "sample-user-proxy/USER_PROXY_SECRET"
    )
    assert ProxySecrets.from_env(environment(planned())) == ProxySecrets(None, None)


def test_a_large_body_is_refused() -> None:
    limit = body_limit("2K")
    check_size(2048, limit)
    with pytest.raises(RefusedError) as error:
        check_size(2049, limit)
    assert error.value.status == 413


@pytest.mark.parametrize(("text", "size"), [("17", 17), ("3M", 3 << 20), ("10G", 10 << 30)])
def test_sizes(text: str, size: int) -> None:
    assert body_limit(text) == size


def test_a_wrong_size() -> None:
    with pytest.raises(ValueError, match="no size"):
        body_limit("much")
