"""nginx behind OpenShift's oauth-proxy: the headers and protocols that nginx passes on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
import urllib3

from cryostat_operator.plan.components.proxy_headers import PROTECTED_HEADERS, HeaderRule
from cryostat_operator.plan.model import names
from tests.programs.nginx import INSTALLED, RECEIVED, running
from tests.programs.nginx import application as application
from tests.programs.pod import Container, planned, secrets

pytestmark = pytest.mark.skipif(not INSTALLED, reason="nginx is not installed (.ci/programs)")


@pytest.fixture(scope="module", params=[False, True], ids=["with login", "without login"])
def openshift(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, application: int
) -> Iterator[tuple[Container, bool]]:
    """The gateway of an instance on OpenShift, and whether authentication is disabled."""
    spec = {"authorizationOptions": {"openShiftSSO": {"disable": True}}} if request.param else {}
    plan = planned(spec, openshift=True)
    with running(plan, secrets(plan), tmp_path_factory.mktemp("openshift"), application) as container:
        yield container, request.param


def as_user(gateway: Container, path: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that the application gets for a request from OpenShift's oauth-proxy."""
    RECEIVED.clear()
    url = f"http://127.0.0.1:{gateway.ports[names.PORT_USER_GATEWAY]}{path}"
    assert urllib3.request("GET", url, headers={"Host": "jfr.example.com", **headers}, retries=False).status == 200
    [received] = RECEIVED
    assert received.path == path
    return received.headers


@pytest.mark.parametrize("rule", PROTECTED_HEADERS, ids=[rule.name for rule in PROTECTED_HEADERS])
@pytest.mark.parametrize("path", ["/api/v4/auth", "/grafana/x", "/health"])
def test_behind_openshifts_proxy_only_its_own_headers_pass(
    openshift: tuple[Container, bool], rule: HeaderRule, path: str
) -> None:
    gateway, open_access = openshift
    received = as_user(gateway, path, {rule.name: "forged"})
    if rule.name == "X-Forwarded-For":
        return
    passes = rule.openshift and path != "/health" and not open_access
    assert (received.get(rule.name.lower()) == "forged") == passes
    assert (rule.name.lower() in received) == passes


@pytest.mark.parametrize(
    ("sent", "forwarded"),
    [
        ("10.128.0.5", "10.128.0.5"),
        ("192.0.2.1, 10.128.0.5", "10.128.0.5"),
        ("192.0.2.1, fd00::5", "[fd00::5]"),
        (None, None),
    ],
)
def test_behind_openshifts_proxy_the_last_address_is_used(
    openshift: tuple[Container, bool], sent: str | None, forwarded: str | None
) -> None:
    received = as_user(openshift[0], "/", {"X-Forwarded-For": sent} if sent else {})
    assert received.get("x-forwarded-for") == forwarded


def test_behind_openshifts_proxy_the_address_of_the_route_is_kept(openshift: tuple[Container, bool]) -> None:
    received = as_user(openshift[0], "/", {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "jfr.example.com"})
    assert (received["host"], received["x-forwarded-proto"]) == ("jfr.example.com", "https")


def test_behind_openshifts_proxy_web_sockets_are_upgraded(openshift: tuple[Container, bool]) -> None:
    received = as_user(openshift[0], "/api/notifications", {"Connection": "Upgrade", "Upgrade": "websocket"})
    assert (received["connection"], received["upgrade"]) == ("upgrade", "websocket")


@pytest.mark.parametrize("protocol", ["h2c", "h2c, websocket", "websocket, h2c", "TLS/1.0"])
def test_behind_openshifts_proxy_no_other_protocol_passes(openshift: tuple[Container, bool], protocol: str) -> None:
    """In an upgraded HTTP/2 connection nginx could not remove headers of requests."""
    sent = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": protocol, "HTTP2-Settings": "AAMAAABk"}
    received = as_user(openshift[0], "/api/notifications", sent)
    assert "upgrade" not in received
    assert received.get("connection", "close") != "upgrade"


def test_behind_openshifts_proxy_large_cookies_pass(openshift: tuple[Container, bool]) -> None:
    """A browser sends those of all applications of the domain. The application accepts 20 KB of headers."""
    cookies = "; ".join(f"c{number}={'x' * 3000}" for number in range(5))
    assert as_user(openshift[0], "/", {"Cookie": cookies})["cookie"] == cookies
