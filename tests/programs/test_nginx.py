"""nginx with the agent gateway's configuration: who gets in, and to which paths."""

from __future__ import annotations

import http.server
import shutil
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import pytest

from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.desired_state import Plan
from cryostat_operator.plan.model.kinds import Key
from tests.cluster.processes import Child, listening
from tests.programs.pod import Container, Data, authorities, foreign, planned, secrets
from tests.unit.cluster_state import NAME, NAMESPACE

INSTALLED = shutil.which("nginx")
pytestmark = pytest.mark.skipif(not INSTALLED, reason="nginx is not installed (.ci/programs)")

AGENT = names.agent_certificate(NAMESPACE, NAME, NAMESPACE)
HOST = f"{NAME}-agent.{NAMESPACE}.svc"


class Application(http.server.BaseHTTPRequestHandler):
    """Stands for the application: answers with the path that it was asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def application() -> Iterator[int]:
    """The port of an application on loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, application: int) -> Iterator[Container]:
    plan = planned()
    with running(plan, secrets(plan), tmp_path_factory.mktemp("nginx"), application) as container:
        yield container


@contextmanager
def running(plan: Plan, content: dict[Key, Data], root: Path, application: int) -> Iterator[Container]:
    """The gateway, until the end of the block."""
    paths = {"/run/nginx.pid": str(root / "nginx.pid")}
    ports = {names.PORT_APPLICATION: application}
    container = Container(plan, content, NAME, f"{NAME}-agent-proxy", root, paths, ports)
    # All of the pod runs as one user; here the workers must be kept from changing to another one.
    command = [*container.command[:-1], f"{container.command[-1]} user root;", "-e", "stderr"]
    child = Child("nginx", command, root / "nginx.log")
    try:
        child.wait_until(lambda: listening(container.ports[names.PORT_AGENT_GATEWAY]), 10)
        yield container
    finally:
        child.stop()
        print(child.tail(50))


def ask(
    gateway: Container, path: str, client: Data | None, directory: Path, trusted: bytes | None = None
) -> tuple[int, str]:
    """Status and body of a request as an agent makes it; raises ssl.SSLError where there is no connection."""
    context = ssl.create_default_context(cadata=(trusted or gateway.secret(f"{NAME}-agent-tls")["ca.crt"]).decode())
    if client:
        for name in ("tls.crt", "tls.key"):
            (directory / name).write_bytes(client[name])
        context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    connection = HTTPSConnection("127.0.0.1", gateway.ports[names.PORT_AGENT_GATEWAY], context=context, timeout=5)
    connection._server_hostname = HOST  # type: ignore[attr-defined]
    original = context.wrap_socket
    context.wrap_socket = lambda sock, **kwargs: original(sock, server_hostname=HOST)  # type: ignore[method-assign, assignment]
    try:
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", HOST)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path", ["/health", "/api/v4/discovery", "/api/v4.3/discovery/abc?token=1", "/api/beta/recordings/a"]
)
def test_an_agent_reaches_what_it_needs(gateway: Container, tmp_path: Path, path: str) -> None:
    assert ask(gateway, path, gateway.secret(AGENT), tmp_path) == (200, path)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v4/targets",
        "/api/v4/discoveryX",
        "/health/../api/v4/targets",
        "/health/%2e%2e/api/v4/targets",
        "/api/v4/discovery/..%2f..%2fv4/targets",
        "/api/v4/discovery/..;/targets",
        "/api/v4/discovery/%5c..%5ctargets",
        "//api/v4/targets",
    ],
)
def test_nothing_else_is_reached_with_path_tricks_either(gateway: Container, tmp_path: Path, path: str) -> None:
    status, body = ask(gateway, path, gateway.secret(AGENT), tmp_path)
    assert status in (400, 404)
    assert not body.startswith("/")


def test_without_a_certificate_nothing_is_reached(gateway: Container, tmp_path: Path) -> None:
    status, body = ask(gateway, "/health", None, tmp_path)
    assert (status, "No required SSL certificate was sent" in body) == (400, True)


def test_a_certificate_of_another_authority_is_not_accepted(gateway: Container, tmp_path: Path) -> None:
    status, body = ask(gateway, "/health", foreign(gateway.plan, AGENT), tmp_path)
    assert (status, "certificate error" in body) == (400, True)


def test_a_server_certificate_is_no_client_certificate(gateway: Container, tmp_path: Path) -> None:
    status, _ = ask(gateway, "/health", gateway.secret(f"{NAME}-database-tls"), tmp_path)
    assert status == 400


def test_an_agent_does_not_talk_to_a_gateway_of_another_authority(gateway: Container, tmp_path: Path) -> None:
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


def test_what_was_issued_before_and_after_a_renewal_of_the_authority_is_accepted(
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


def test_a_predecessor_that_has_ended_is_in_nobodys_way(tmp_path: Path, application: int) -> None:
    plan = planned()
    old, new = authorities(plan, 3700, 1000)
    assert new["ca.crt"] == new["tls.crt"] + old["tls.crt"]
    with running(plan, secrets(plan, new), tmp_path, application) as gateway:
        agent = gateway.secret(AGENT)
        assert ask(gateway, "/health", agent, tmp_path)[0] == 200
        with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
            ask(gateway, "/health", agent, tmp_path, old["tls.crt"])
