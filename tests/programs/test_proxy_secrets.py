"""The Secrets of the proxies in the real nginx and oauth2-proxy: values arrive, and those of clients do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3

from cryostat_operator.plan.components.proxy_headers import ADDRESS_HEADERS, PROTECTED_HEADERS, HeaderRule
from cryostat_operator.plan.model import names
from tests.cluster import binaries
from tests.programs import nginx, oauth2_proxy
from tests.programs.nginx import AGENT, INSTALLED, RECEIVED, Received
from tests.programs.nginx import application as application
from tests.programs.pod import Container, planned, secrets
from tests.unit.cluster_state import NAME

pytestmark = pytest.mark.skipif(not INSTALLED, reason="nginx is not installed (.ci/programs)")
AGENT_AUTH, USER_AUTH = "x-cryostat-agent-auth", "x-cryostat-user-proxy-auth"
STAMPS = {AGENT_AUTH, USER_AUTH}
RULES = pytest.mark.parametrize("rule", PROTECTED_HEADERS, ids=[rule.name for rule in PROTECTED_HEADERS])


@pytest.fixture(scope="module", params=[False, True], ids=["kubernetes", "openshift"])
def gateway(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, application: int
) -> Iterator[Container]:
    plan = planned(openshift=request.param, proxy_secrets=True)
    with nginx.running(plan, secrets(plan), tmp_path_factory.mktemp("nginx"), application) as container:
        yield container


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory, application: int) -> Iterator[tuple[Container, Container]]:
    """oauth2-proxy with nginx behind it."""
    plan = planned(proxy_secrets=True)
    program = str(binaries.programs("oauth2-proxy")["oauth2-proxy"])
    with ExitStack() as stack:
        root = tmp_path_factory.mktemp("nginx")
        behind = stack.enter_context(nginx.running(plan, secrets(plan), root, application))
        root = tmp_path_factory.mktemp("oauth2-proxy")
        front = stack.enter_context(oauth2_proxy.running(program, {}, root, application, gateway=behind))
        yield front, behind


def agent_value(container: Container) -> str:
    return container.secret(f"{NAME}-agent-gateway")["AGENT_GATEWAY_SECRET"].decode()


def user_value(container: Container) -> str:
    return container.secret(f"{NAME}-user-proxy")["USER_PROXY_SECRET"].decode()


def as_agent(gateway: Container, directory: Path, headers: Mapping[str, str]) -> Received:
    RECEIVED.clear()
    assert nginx.ask(gateway, "/health", gateway.secret(AGENT), directory, headers=headers)[0] == 200
    [received] = RECEIVED
    return received


def as_user(gateway: Container, path: str, headers: Mapping[str, str]) -> Received:
    """What the application, or Grafana, gets for a request from the authentication proxy."""
    RECEIVED.clear()
    url = f"http://127.0.0.1:{gateway.ports[names.PORT_USER_GATEWAY]}{path}"
    assert urllib3.request("GET", url, headers={"Host": "jfr.example.com", **headers}, retries=False).status == 200
    [received] = RECEIVED
    return received


@pytest.mark.parametrize("name", [*(rule.name for rule in PROTECTED_HEADERS), *ADDRESS_HEADERS])
def test_an_agents_request_has_the_value_of_the_gateway_alone(gateway: Container, tmp_path: Path, name: str) -> None:
    received = as_agent(gateway, tmp_path, {name: "forged"})
    assert "forged" not in received.headers.values()
    assert {key: received.headers[key] for key in STAMPS & set(received.headers)} == {AGENT_AUTH: agent_value(gateway)}
    assert user_value(gateway) not in str(received)


@RULES
def test_a_users_request_has_the_value_of_the_user_proxy_alone(gateway: Container, rule: HeaderRule) -> None:
    has_oauth2_proxy = any(key.name == f"{NAME}-oauth2-proxy-cfg" for key in gateway.plan.objects)
    passed_on = bool(rule.claim) if has_oauth2_proxy else rule.openshift
    received = as_user(gateway, "/api/v4/auth", {rule.name: "forged"})
    if rule.name != "X-Forwarded-For":
        assert ("forged" in received.headers.values()) == passed_on
    assert {key: received.headers[key] for key in STAMPS & set(received.headers)} == {USER_AUTH: user_value(gateway)}
    assert agent_value(gateway) not in str(received)


def test_a_user_cannot_remove_the_value(pod: tuple[Container, Container]) -> None:
    """Proxies remove the headers that a request lists in `Connection`."""
    front, behind = pod
    RECEIVED.clear()
    headers = {"Connection": "close, X-Cryostat-User-Proxy-Auth"}
    assert oauth2_proxy.ask(front, "/api/v4/auth", oauth2_proxy.login(front), headers)[0] == 200
    assert RECEIVED[0].headers[USER_AUTH] == user_value(behind)
    assert as_user(behind, "/api/v4/auth", headers).headers[USER_AUTH] == user_value(behind)


def test_web_sockets_have_the_value(gateway: Container) -> None:
    received = as_user(gateway, "/api/notifications", {"Connection": "Upgrade", "Upgrade": "websocket"})
    assert (received.headers["upgrade"], received.headers[USER_AUTH]) == ("websocket", user_value(gateway))


def test_grafana_gets_no_value(tmp_path: Path, application: int) -> None:
    """On OpenShift, requests for Grafana pass through nginx, too."""
    plan = planned(openshift=True, proxy_secrets=True)
    with nginx.running(plan, secrets(plan), tmp_path, application) as gateway:
        headers = {"X-Forwarded-User": "somename", AGENT_AUTH: "forged", USER_AUTH: "forged"}
        received = as_user(gateway, "/grafana/api/user", headers)
    assert received.headers["x-forwarded-user"] == "somename"
    assert not STAMPS & set(received.headers)


def test_without_its_directive_nginx_still_removes_the_headers_of_clients(tmp_path: Path, application: int) -> None:
    """A user may have changed the Secret."""
    plan = planned(proxy_secrets=True)
    content = secrets(plan)
    for key, file in ((f"{NAME}-agent-gateway", "agent-auth.conf"), (f"{NAME}-user-proxy", "user-auth.conf")):
        next(data for each, data in content.items() if each.name == key)[file] = b"# empty\n"
    with nginx.running(plan, content, tmp_path, application) as gateway:
        forged = dict.fromkeys(STAMPS, "forged")
        assert not STAMPS & set(as_agent(gateway, tmp_path, forged).headers)
        assert not STAMPS & set(as_user(gateway, "/api/v4/auth", forged).headers)


def test_the_values_are_in_no_configuration_and_no_log(gateway: Container, tmp_path: Path) -> None:
    as_agent(gateway, tmp_path, {AGENT_AUTH: "forged"})
    as_user(gateway, "/api/v4/auth", {USER_AUTH: "forged"})
    log = (gateway.root / "nginx.log").read_text()
    assert "proxy_headers_hash" not in log
    texts = log, (gateway.place("/etc/nginx-cryostat") / "nginx.conf").read_text()
    for value in (agent_value(gateway), user_value(gateway), "forged"):
        assert all(value not in text for text in texts)


@RULES
def test_behind_oauth2_proxy_nothing_of_a_client_arrives(pod: tuple[Container, Container], rule: HeaderRule) -> None:
    front, behind = pod
    RECEIVED.clear()
    login = oauth2_proxy.login(front)
    forged = {rule.name: "forged"} if rule.name != "Authorization" else {}
    assert oauth2_proxy.ask(front, "/api/v4/auth", login, forged) == (200, "/api/v4/auth")
    [received] = RECEIVED
    assert "forged" not in received.headers.values()
    expected = {"x-forwarded-user": login[0], "x-forwarded-for": "127.0.0.1", USER_AUTH: user_value(behind)}
    present = {each.name.lower() for each in PROTECTED_HEADERS} & set(received.headers)
    assert {name: received.headers[name] for name in present} == expected


def test_behind_oauth2_proxy_grafana_gets_no_value(pod: tuple[Container, Container]) -> None:
    front, behind = pod
    RECEIVED.clear()
    assert oauth2_proxy.ask(front, "/grafana/api/user", oauth2_proxy.login(front))[0] == 200
    [received] = RECEIVED
    assert user_value(behind) not in str(received)


def test_behind_oauth2_proxy_a_login_is_required_and_health_checks_need_none(pod: tuple[Container, Container]) -> None:
    front, behind = pod
    RECEIVED.clear()
    assert oauth2_proxy.ask(front, "/api/v4/auth")[0] == 403
    assert RECEIVED == []
    assert oauth2_proxy.ask(front, "/health") == (200, "/health")
    assert RECEIVED[0].headers[USER_AUTH] == user_value(behind)
    assert "x-forwarded-user" not in RECEIVED[0].headers


def test_behind_oauth2_proxy_address_and_path_arrive_unchanged(pod: tuple[Container, Container]) -> None:
    front, _ = pod
    RECEIVED.clear()
    headers = dict.fromkeys(ADDRESS_HEADERS, "x")
    path = "/api/v4/a%2Fb?d=%20e"
    assert oauth2_proxy.ask(front, path, oauth2_proxy.login(front), headers) == (200, path)
    [received] = RECEIVED
    assert received.headers["host"] == oauth2_proxy.HOST
    assert {name: received.headers.get(name.lower()) for name in ADDRESS_HEADERS} == headers
