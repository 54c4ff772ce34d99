"""oauth2-proxy with the rendered configuration: it starts, serves HTTPS, and requires a login."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import urllib3

from cryostat_operator.plan.components.proxy_headers import ADDRESS_HEADERS, PROTECTED_HEADERS, HeaderRule
from cryostat_operator.plan.model import names
from tests.cluster import binaries
from tests.programs.nginx import RECEIVED
from tests.programs.nginx import application as application
from tests.programs.oauth2_proxy import HOST, ask, login, running
from tests.programs.pod import Container
from tests.unit.cluster_state import NAME


@pytest.fixture(scope="module", autouse=True)
def program() -> str:
    """The program. It is built before the first test, because the build takes longer than a test may."""
    return str(binaries.programs("oauth2-proxy")["oauth2-proxy"])


@pytest.fixture(scope="module")
def proxy(program: str, tmp_path_factory: pytest.TempPathFactory, application: int) -> Iterator[Container]:
    with running(program, {}, tmp_path_factory.mktemp("oauth2-proxy"), application) as container:
        yield container


@pytest.fixture(scope="module")
def open_proxy(program: str, tmp_path_factory: pytest.TempPathFactory, application: int) -> Iterator[Container]:
    """The proxy of an instance without authentication."""
    spec = {"authorizationOptions": {"openShiftSSO": {"disable": True}}}
    with running(program, spec, tmp_path_factory.mktemp("open"), application) as container:
        yield container


def test_the_generated_login_is_accepted(proxy: Container) -> None:
    assert ask(proxy, "/api/v4/targets", login(proxy)) == (200, "/api/v4/targets")


@pytest.mark.parametrize("path", ["/", "/api/v4/targets", "/grafana/", "/healthX", "/health/../api/v4/targets"])
def test_requests_without_login_are_refused(proxy: Container, path: str) -> None:
    status, body = ask(proxy, path)
    assert status in (301, 403)  # redirects to the normalized path
    assert not body.startswith("/")


def test_a_wrong_password_is_refused_by_the_proxy(proxy: Container) -> None:
    assert ask(proxy, "/", (login(proxy)[0], "wrong"))[0] == 403


@pytest.mark.parametrize("path", ["/health", "/health/liveness"])
def test_the_health_path_needs_no_login(proxy: Container, path: str) -> None:
    assert ask(proxy, path) == (200, path)


def test_the_proxy_responds_to_probes(proxy: Container) -> None:
    probe = proxy.spec["livenessProbe"]["httpGet"]
    assert probe["scheme"] == "HTTPS"
    assert ask(proxy, probe["path"])[0] == 200


def test_pods_with_ipv6_addresses_can_connect(proxy: Container) -> None:
    """The proxy listens on 0.0.0.0, as rendered, and its address here is an IPv6 address."""
    assert ask(proxy, "/health", address="[::1]") == (200, "/health")


def test_plain_http_is_not_served(proxy: Container) -> None:
    answer = urllib3.request("GET", f"http://127.0.0.1:{proxy.ports[names.PORT_AUTH_PROXY]}/health", retries=False)
    assert (answer.status, b"HTTP request to an HTTPS server" in answer.data) == (400, True)


UPSTREAMS = ["/api/v4/auth", "/grafana/api/user"]
SPELLINGS = [str, str.upper, lambda name: name.replace("-", "_")]


@pytest.mark.parametrize("rule", PROTECTED_HEADERS, ids=[rule.name for rule in PROTECTED_HEADERS])
@pytest.mark.parametrize("path", UPSTREAMS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_user_cannot_forge_a_header(
    proxy: Container, rule: HeaderRule, path: str, spelling: Callable[[str], str]
) -> None:
    RECEIVED.clear()
    forged = {spelling(rule.name): "forged"} if rule.name != "Authorization" else {}
    assert ask(proxy, path, login(proxy), forged) == (200, path)
    [received] = RECEIVED
    assert "forged" not in received.headers.values()
    expected = {"x-forwarded-user": login(proxy)[0], "x-forwarded-for": "127.0.0.1"}
    assert received.headers.get(rule.name.lower()) == expected.get(rule.name.lower())


@pytest.mark.parametrize("rule", PROTECTED_HEADERS, ids=[rule.name for rule in PROTECTED_HEADERS])
@pytest.mark.parametrize("path", [*UPSTREAMS, "/health"])
def test_without_authentication_no_header_names_a_user(open_proxy: Container, rule: HeaderRule, path: str) -> None:
    RECEIVED.clear()
    assert ask(open_proxy, path, None, {rule.name: "forged"}) == (200, path)
    [received] = RECEIVED
    assert received.headers.get(rule.name.lower()) == ("127.0.0.1" if rule.name == "X-Forwarded-For" else None)


def session(proxy: Container) -> str:
    """The `Set-Cookie` header after a login by form."""
    context = ssl.create_default_context(cadata=proxy.secret(f"{NAME}-tls")["ca.crt"].decode())
    username, password = login(proxy)
    with urllib3.HTTPSConnectionPool(
        "127.0.0.1", proxy.ports[names.PORT_AUTH_PROXY], ssl_context=context, assert_hostname=HOST, retries=False
    ) as pool:
        form = urlencode({"username": username, "password": password, "rd": "/"})
        sent = {"Host": HOST, "Content-Type": "application/x-www-form-urlencoded"}
        answer = pool.request("POST", "/oauth2/sign_in", body=form, headers=sent, redirect=False)
        assert answer.status == 302
        return answer.headers["Set-Cookie"]


def test_the_session_cookie_is_not_sent_with_requests_of_other_sites(proxy: Container) -> None:
    attributes = [part.strip() for part in session(proxy).split(";")[1:]]
    assert {"HttpOnly", "Secure", "SameSite=Lax"} <= set(attributes)


def test_a_new_password_ends_all_sessions(program: str, proxy: Container, tmp_path: Path, application: int) -> None:
    """The old cookie is refused under its old and its new name, although its key is the same."""
    [key] = (key for key in proxy.secrets if key.name == f"{NAME}-oauth2-cookie")
    name, value = session(proxy).split(";")[0].split("=", 1)
    with running(program, {}, tmp_path, application, {key: proxy.secrets[key]}) as same:
        assert ask(same, "/api/v4/auth", headers={"Cookie": f"{name}={value}"})[0] == 200
    changed = "_oauth2_proxy_fedcba9876543210"
    existing = {key: proxy.secrets[key]}
    with running(program, {}, tmp_path / "changed", application, existing, "fedcba9876543210") as other:
        for cookie in (f"{name}={value}", f"{changed}={value}"):
            assert ask(other, "/api/v4/auth", headers={"Cookie": cookie})[0] == 403
        own, fresh = session(other).split(";")[0].split("=", 1)
        assert own == changed
        assert ask(other, "/api/v4/auth", headers={"Cookie": f"{own}={fresh}"})[0] == 200


def test_after_a_login_by_form_the_session_names_the_user(proxy: Container) -> None:
    RECEIVED.clear()
    headers = {"Cookie": session(proxy).split(";")[0], "X-Forwarded-User": "boss", "X-Forwarded-Groups": "admins"}
    assert ask(proxy, "/api/v4/auth", headers=headers)[0] == 200
    [received] = RECEIVED
    assert received.headers["x-forwarded-user"] == login(proxy)[0]
    assert "x-forwarded-groups" not in received.headers


@pytest.mark.parametrize("path", UPSTREAMS)
def test_the_password_is_not_passed_on(proxy: Container, path: str) -> None:
    RECEIVED.clear()
    ask(proxy, path, login(proxy))
    [received] = RECEIVED
    encoded = base64.b64encode(":".join(login(proxy)).encode()).decode()
    for secret in (encoded, login(proxy)[1]):
        assert all(secret not in value for value in received.headers.values())


def test_the_host_of_an_ingress_is_passed_on(proxy: Container) -> None:
    RECEIVED.clear()
    headers = dict.fromkeys(ADDRESS_HEADERS, "x")
    ask(proxy, "/", login(proxy), headers)
    [received] = RECEIVED
    assert {name: received.headers.get(name.lower()) for name in ADDRESS_HEADERS} == headers
