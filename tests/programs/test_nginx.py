"""nginx with the agent gateway's configuration: accepted clients, paths and headers."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import urllib3

from cryostat_operator.plan.components.agent_requests import AGENT_REQUESTS, AgentRequest
from cryostat_operator.plan.components.proxy_headers import ADDRESS_HEADERS, PROTECTED_HEADERS
from cryostat_operator.plan.model import names
from tests.cluster.api import eventually
from tests.cluster.processes import free_ports
from tests.programs.nginx import AGENT, CLOSE, INSTALLED, RECEIVED, TEST_ADDRESS, ask, running
from tests.programs.nginx import application as application
from tests.programs.nginx import gateway as gateway
from tests.programs.pod import Container, authorities, foreign, planned, secrets
from tests.unit.cluster_state import NAME

pytestmark = pytest.mark.skipif(not INSTALLED, reason="nginx is not installed (.ci/programs)")


ID = "0b4b1a9e-7d6f-4d5a-9c0e-3f2a1b4c5d6e"
JVM = "HcnTTKUqKtTIFXmZTMZ0KbtKNTcJFCx1zaWLVUHRLCY%3D"
# A request of an agent for each row of AGENT_REQUESTS.
EXAMPLES = (
    "/health",
    "/api/v4/discovery",
    f"/api/v4/discovery/{ID}?token=eyJhbGciOi",
    f"/api/v4/discovery/{ID}?token=eyJhbGciOi",
    f"/api/v4.2/discovery/{ID}",
    "/api/v4.3/discovery/agents",
    "/api/v4/credentials",
    "/api/v4/credentials",
    "/api/v4/credentials/42",
    "/api/beta/discovery/credential_exists",
    f"/api/beta/recordings/{JVM}",
    f"/api/beta/diagnostics/heapdump/upload/{JVM.replace('%3D', '=')}",
    f"/api/beta/targets/{JVM}/smart_triggers/sync/",
)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.mark.parametrize(
    ("row", "path"),
    list(zip(AGENT_REQUESTS, EXAMPLES, strict=True)),
    ids=[f"{r.methods} {r.path}" for r in AGENT_REQUESTS],
)
def test_an_agent_can_only_use_the_listed_methods_of_each_path(
    gateway: Container, tmp_path: Path, row: AgentRequest, path: str
) -> None:
    allowed = {
        method for each in AGENT_REQUESTS if re.fullmatch(each.path, path.split("?")[0]) for method in each.methods
    }
    assert set(row.methods) <= allowed
    RECEIVED.clear()
    passed = {m for m in METHODS if ask(gateway, path, gateway.secret(AGENT), tmp_path, method=m) == (200, path)}
    assert passed == allowed == {each.method for each in RECEIVED}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v4/targets",
        "/api/v4/discoveryX",
        "/api/v4/discovery/",
        "/api/v4/discovery/1",
        f"/api/v4/discovery/{ID}/",
        "/api/v4x2/discovery/" + ID,
        "/api/v4/credentials/x",
        "/api/beta/recordings",
        "/api/beta/recordings/a/b",
        "/api/beta/recordings/a%2Fb",
        "/api/beta/recordings/..",
        "/api/beta/recordings/%2e%2e",
        "/api/beta/recordings/a%0d%0aX:1",
        f"/api/beta/targets/{JVM}/smart_triggers/sync",
        "/health/liveness",
        "/health/../api/v4/targets",
        "/health/%2e%2e/api/v4/targets",
        "/api/v4/discovery/..%2f..%2fv4/targets",
        "/api/v4/discovery/..;/targets",
        "/api/v4/discovery/%5c..%5ctargets",
        "//api/v4/targets",
        "//health",
        "/./health",
        "/%68ealth",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_manipulated_paths_reach_no_other_resource(gateway: Container, tmp_path: Path, path: str, method: str) -> None:
    RECEIVED.clear()
    status, _ = ask(gateway, path, gateway.secret(AGENT), tmp_path, method=method)
    assert (status, RECEIVED) == (404, [])


@pytest.mark.parametrize(
    ("address", "forwarded"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("fd00:10:244::7", "[fd00:10:244::7]"),
        ("fe80::1", "[fe80::1]"),
        # The application responds with 400 to these, and accepts requests without an address.
        ("2001:db8::7", None),
    ],
)
def test_the_application_gets_the_address_of_the_agent(
    gateway: Container, tmp_path: Path, address: str, forwarded: str | None
) -> None:
    RECEIVED.clear()
    headers = {TEST_ADDRESS: address, "X-Forwarded-For": "192.0.2.1"}
    assert ask(gateway, "/health", gateway.secret(AGENT), tmp_path, headers=headers)[0] == 200
    assert RECEIVED[0].headers.get("x-forwarded-for") == forwarded


def test_over_ipv6_the_address_is_in_brackets(gateway: Container, tmp_path: Path) -> None:
    RECEIVED.clear()
    assert ask(gateway, "/health", gateway.secret(AGENT), tmp_path, host="::1")[0] == 200
    assert RECEIVED[0].headers["x-forwarded-for"] == "[::1]"


def test_requests_of_agents_have_a_header_of_the_gateway(gateway: Container, tmp_path: Path) -> None:
    RECEIVED.clear()
    ask(gateway, "/health", gateway.secret(AGENT), tmp_path, headers={"X-Cryostat-Agent-Proxy": "forged"})
    assert RECEIVED[0].headers["x-cryostat-agent-proxy"] == "true"


SET_BY_THE_GATEWAY = {"x-forwarded-for", "x-cryostat-agent-proxy"}
AGENTS_MAY_NOT_SEND = [rule.name for rule in PROTECTED_HEADERS] + list(ADDRESS_HEADERS)


@pytest.mark.parametrize("name", AGENTS_MAY_NOT_SEND)
@pytest.mark.parametrize("spelling", [str, str.upper, lambda name: name.replace("-", "_")])
def test_an_agent_cannot_forge_a_header(
    gateway: Container, tmp_path: Path, name: str, spelling: Callable[[str], str]
) -> None:
    RECEIVED.clear()
    assert ask(gateway, "/health", gateway.secret(AGENT), tmp_path, headers={spelling(name): "forged"})[0] == 200
    [received] = RECEIVED
    assert "forged" not in received.headers.values()
    assert (name.lower() in received.headers) == (name.lower() in SET_BY_THE_GATEWAY)


def test_the_token_of_an_agent_is_passed_on_and_not_logged(gateway: Container, tmp_path: Path) -> None:
    RECEIVED.clear()
    headers = {"Cryostat-Discovery-Authentication": "token-in-a-header"}
    path = f"/api/v4/discovery/{ID}?token=token-in-the-query"
    assert ask(gateway, path, gateway.secret(AGENT), tmp_path, headers=headers) == (200, path)
    assert RECEIVED[0].headers["cryostat-discovery-authentication"] == "token-in-a-header"
    log = (gateway.root / "nginx.log").read_text()
    assert f"/api/v4/discovery/{ID}" in log
    assert "token-in" not in log


def test_no_token_is_logged_when_the_application_does_not_answer(tmp_path: Path) -> None:
    plan = planned()
    with running(plan, secrets(plan), tmp_path, free_ports(1)[0]) as gateway:
        path = f"/api/v4/discovery/{ID}?token=token-in-the-query"
        assert ask(gateway, path, gateway.secret(AGENT), tmp_path)[0] == 502
        path_in_log = f'"GET /api/v4/discovery/{ID} HTTP/1.1" 502'
        # nginx writes its log after the response.
        eventually(lambda: path_in_log in (gateway.root / "nginx.log").read_text())
        log = (gateway.root / "nginx.log").read_text()
    assert "token-in" not in log


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_request_that_the_application_does_not_answer_is_not_repeated(
    gateway: Container, tmp_path: Path, method: str
) -> None:
    path = "/api/v4/discovery" if method == "POST" else f"/api/v4/discovery/{ID}?token=eyJhbGciOi"
    RECEIVED.clear()
    assert ask(gateway, path, gateway.secret(AGENT), tmp_path, method=method, headers={CLOSE: "true"})[0] == 502
    assert [received.method for received in RECEIVED] == [method]


def test_a_large_body_is_streamed(gateway: Container, tmp_path: Path) -> None:
    size = 3 << 20
    context = ssl.create_default_context(cadata=gateway.secret(f"{NAME}-agent-tls")["ca.crt"].decode())
    context.check_hostname = False
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_bytes(gateway.secret(AGENT)[name])
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    RECEIVED.clear()
    connection = HTTPSConnection("127.0.0.1", gateway.ports[names.PORT_AGENT_GATEWAY], context=context, timeout=60)
    connection.request("POST", f"/api/beta/recordings/{JVM}", body=bytes(size))
    assert connection.getresponse().status == 200
    connection.close()
    assert RECEIVED[0].headers["content-length"] == str(size)


def test_nginx_responds_to_probes_without_the_application(gateway: Container) -> None:
    RECEIVED.clear()
    port = gateway.ports[names.PORT_AGENT_GATEWAY_HEALTH]
    for path, status in (("/healthz", 200), ("/health", 404)):
        assert urllib3.request("GET", f"http://127.0.0.1:{port}{path}", retries=False).status == status
    assert RECEIVED == []


def test_requests_without_a_certificate_are_refused(gateway: Container, tmp_path: Path) -> None:
    status, body = ask(gateway, "/health", None, tmp_path)
    assert (status, "No required SSL certificate was sent" in body) == (400, True)


def test_a_certificate_of_another_authority_is_not_accepted(gateway: Container, tmp_path: Path) -> None:
    status, body = ask(gateway, "/health", foreign(gateway.plan, AGENT), tmp_path)
    assert (status, "certificate error" in body) == (400, True)


def test_a_server_certificate_is_refused_as_client_certificate(gateway: Container, tmp_path: Path) -> None:
    status, _ = ask(gateway, "/health", gateway.secret(f"{NAME}-database-tls"), tmp_path)
    assert status == 400


def test_an_agent_does_not_trust_a_gateway_of_another_authority(gateway: Container, tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(gateway, "/health", gateway.secret(AGENT), tmp_path, trusted=foreign(gateway.plan, AGENT)["ca.crt"])


def test_a_renewed_certificate_is_used_without_a_restart(gateway: Container, tmp_path: Path) -> None:
    def shown() -> str:
        address = ("127.0.0.1", gateway.ports[names.PORT_AGENT_GATEWAY])
        return ssl.get_server_certificate(address)

    before = shown()
    new = gateway.renewed(f"{NAME}-agent-tls")
    assert shown().strip() == new["tls.crt"].decode().strip()
    assert shown() != before
    assert ask(gateway, "/health", gateway.secret(AGENT), tmp_path)[0] == 200


def test_certificates_from_before_and_after_a_renewal_of_the_authority_are_accepted(
    tmp_path: Path, application: int
) -> None:
    plan = planned()
    old, new = authorities(plan, 2700, 0)
    made = [secrets(plan, authority) for authority in (old, new)]
    agents = [next(data for key, data in each.items() if key.name == AGENT) for each in made]
    assert agents[1]["ca.crt"] == new["tls.crt"] + old["tls.crt"]
    for number, content in enumerate(made):
        root = tmp_path / str(number)
        root.mkdir()
        with running(plan, content, root, application) as gateway:
            for agent in agents:
                for trusted in (old["tls.crt"], new["tls.crt"], new["ca.crt"]):
                    assert ask(gateway, "/health", agent, tmp_path, trusted)[0] == 200


def test_an_expired_former_authority_has_no_effect(tmp_path: Path, application: int) -> None:
    plan = planned()
    old, new = authorities(plan, 3700, 1000)
    assert new["ca.crt"] == new["tls.crt"] + old["tls.crt"]
    with running(plan, secrets(plan, new), tmp_path, application) as gateway:
        agent = gateway.secret(AGENT)
        assert ask(gateway, "/health", agent, tmp_path)[0] == 200
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            ask(gateway, "/health", agent, tmp_path, old["tls.crt"])
