"""Runs nginx as the gateway of agents."""

from __future__ import annotations

import http.server
import shutil
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from types import MappingProxyType

import pytest

from cryostat_operator.plan.components import agent_gateway
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.desired_state import Plan
from cryostat_operator.plan.model.kinds import Key
from tests.cluster.processes import Child, free_ports, listening
from tests.programs.pod import IPV6_API_SERVER, Container, Data, planned, secrets
from tests.unit.cluster_state import NAME, NAMESPACE

INSTALLED = shutil.which("nginx")
AGENT = names.agent_certificate(NAMESPACE, NAME, NAMESPACE)
TEST_ADDRESS = "X-Test-Address"
CLOSE = "X-Test-Close"  # header of a request that the application does not answer
HOST = f"{NAME}-agent.{NAMESPACE}.svc"


@dataclass(frozen=True)
class Received:
    """A request that the application got. Names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]


RECEIVED: list[Received] = []


class Application(http.server.BaseHTTPRequestHandler):
    """Replaces the application: records each request, and responds with its path."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        RECEIVED.append(Received(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
        if CLOSE in self.headers:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = answer  # noqa: N815 - called by name

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def application() -> Iterator[int]:
    """The port of a simulated application on loopback."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, application: int) -> Iterator[Container]:
    plan = planned(api_server=IPV6_API_SERVER)
    with running(plan, secrets(plan), tmp_path_factory.mktemp("nginx"), application) as container:
        yield container


@contextmanager
def running(plan: Plan, content: dict[Key, Data], root: Path, application: int) -> Iterator[Container]:
    """Run the gateway until the end of the block."""
    container = container_of(plan, content, root, application)
    pretend_addresses(container)
    child = Child("nginx", command(container), root / "nginx.log")
    with child.running_when(lambda: listening(container.ports[names.PORT_AGENT_GATEWAY])):
        yield container


def container_of(plan: Plan, content: dict[Key, Data], root: Path, application: int) -> Container:
    """The gateway's container. One program replaces both application and Grafana."""
    paths = {"/run/nginx.pid": str(root / "nginx.pid")}
    ports = {names.PORT_APPLICATION: application, names.PORT_GRAFANA: application}
    ports[names.PORT_USER_GATEWAY] = free_ports(1)[0]
    return Container(plan, content, NAME, f"{NAME}-agent-proxy", root, paths, ports)


def command(container: Container) -> list[str]:
    """The command of nginx. All processes of the pod have one user, so the workers must not change theirs."""
    return [*container.command[:-1], f"{container.command[-1]} user root;", "-e", "stderr"]


def pretend_addresses(container: Container) -> None:
    """Configure nginx to take the address of its peer from a header, so that tests can choose this address."""
    config = container.place(agent_gateway.CONFIG_DIRECTORY) / "nginx.conf"
    directives = f"http {{\n    real_ip_header {TEST_ADDRESS};\n    set_real_ip_from 127.0.0.1;\n"
    config.chmod(0o644)
    config.write_text(config.read_text().replace("http {\n", directives))


def ask(
    gateway: Container,
    path: str,
    client: Data | None,
    directory: Path,
    trusted: bytes | None = None,
    method: str = "GET",
    headers: Mapping[str, str] = MappingProxyType({}),
    host: str = "127.0.0.1",
) -> tuple[int, str]:
    """Send a request as an agent does, and return the status and body. Raises ssl.SSLError without a connection."""
    context = ssl.create_default_context(cadata=(trusted or gateway.secret(f"{NAME}-agent-tls")["ca.crt"]).decode())
    if client:
        for name in ("tls.crt", "tls.key"):
            (directory / name).write_bytes(client[name])
        context.load_cert_chain(directory / "tls.crt", directory / "tls.key")
    connection = HTTPSConnection(host, gateway.ports[names.PORT_AGENT_GATEWAY], context=context, timeout=60)
    connection._server_hostname = HOST  # type: ignore[attr-defined]
    original = context.wrap_socket
    context.wrap_socket = lambda sock, **kwargs: original(sock, server_hostname=HOST)  # type: ignore[method-assign]
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", HOST)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()
