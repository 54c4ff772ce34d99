"""The gateway for agents."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.model import names
from tests.unit.cluster_state import NAME, NAMESPACE, changes, find, names_of, settled

CALLBACK = names.agent_callback_service(NAMESPACE, NAME)


def nginx_conf(**spec: object) -> str:
    text: str = find(settled(spec).plan, "ConfigMap", "sample-agent-proxy")["data"]["nginx.conf"]
    return text


def test_another_service_port_changes_the_service_alone() -> None:
    spec = {"serviceOptions": {"agentGatewayConfig": {"httpPort": 9282, "serviceType": "NodePort"}}}
    assert changes(settled().plan, settled(spec).plan) == {
        "Service/sample-agent.spec.ports[http].port": 9282,
        "Service/sample-agent.spec.type": "NodePort",
    }


def test_callback_names_resolve_before_pods_are_ready() -> None:
    service = find(settled().plan, "Service", CALLBACK)
    assert service["spec"] == {
        "type": "ClusterIP",
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": {"cryostat.io/name": NAME, "cryostat.io/namespace": NAMESPACE},
    }


def test_labels_of_the_user_reach_the_callback_service_but_not_the_reserved_ones() -> None:
    config = {"labels": {"team": "a", "component": "no", constants.LABEL_NAME: "no"}, "annotations": {"x": "y"}}
    metadata = find(settled({"serviceOptions": {"agentCallbackConfig": config}}).plan, "Service", CALLBACK)["metadata"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["labels"]["component"] == "cryostat-agent-callback"
    assert metadata["labels"][constants.LABEL_NAME] == NAME
    assert metadata["annotations"] == {"x": "y"}


def test_without_tls_there_are_no_certificates() -> None:
    assert "ssl" not in nginx_conf()
    assert set(find(settled().plan, "ConfigMap", "sample-agent-proxy")["data"]) == {"nginx.conf"}


def test_with_tls_agents_need_a_certificate() -> None:
    text = nginx_conf(enableCertManager=True)
    directory = "/var/run/secrets/operator.cryostat.io/sample-agent-tls"
    for directive in (
        "listen 8282 ssl;",
        "ssl_verify_client on;",
        f"ssl_client_certificate {directory}/ca.crt;",
        f"default {directory};",
        "ssl_certificate $tls_directory/tls.crt;",
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "listen 8281;",
    ):
        assert f"        {directive}\n" in text


def test_the_group_of_the_key_exchange_is_the_standardised_one() -> None:
    data = find(settled({"enableCertManager": True}).plan, "ConfigMap", "sample-agent-proxy")["data"]
    digest = hashlib.sha256(data["dhparam.pem"].encode()).hexdigest()
    assert digest == "2ef7758563185ad0dc1dbc38ab3a91647701e3ebee344fcf86b52e643bacb721"  # ffdhe2048 of RFC 7919


def test_the_text_names_the_service() -> None:
    assert "server_name sample-agent.here.svc;" in nginx_conf()


class Application(ThreadingHTTPServer):
    """Stands for the application and remembers the paths that reach it."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: Application

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int, Application]]:
    """A real nginx with the planned configuration: its two ports, and the application behind it."""
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    directory: Path = tmp_path_factory.mktemp("nginx")
    application, port, health = Application(), free_port(), free_port()
    threading.Thread(target=application.serve_forever, daemon=True).start()
    text = nginx_conf().replace("/run/nginx.pid", f"{directory}/pid")
    text = text.replace("include /usr/share/nginx/modules/*.conf;", f"error_log {directory}/log;")
    for planned, here in ((8181, application.server_port), (8282, port), (8281, health)):
        text = text.replace(str(planned), str(here))
    config = directory / "nginx.conf"
    config.write_text(text)
    nginx = subprocess.Popen(
        ["nginx", "-c", str(config), "-g", "daemon off;"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(health)
        yield port, health, application
    finally:
        nginx.terminate()
        nginx.wait()
        application.shutdown()


def _wait_for(port: int) -> None:
    for _ in range(100):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nginx does not listen")


def get(port: int, path: str) -> int:
    """Status of a request with exactly this path."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as s:
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return int(s.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    ("path", "status", "reaches"),
    [
        ("/health", 200, "/health"),
        ("/health/liveness", 200, "/health/liveness"),
        ("/api/v4/discovery?a=b%2Fc&d", 200, "/api/v4/discovery?a=b%2Fc&d"),
        ("/api/v4.2/discovery/1", 200, "/api/v4.2/discovery/1"),
        ("/api/v4.3/discovery/1%20x", 200, "/api/v4.3/discovery/1%20x"),
        ("/api/beta/diagnostics/a", 200, "/api/beta/diagnostics/a"),
        ("/api/beta/recordings/a", 200, "/api/beta/recordings/a"),
        ("/api/beta/targets", 200, "/api/beta/targets"),
        ("/", 404, None),
        ("/healthz", 404, None),
        ("/api/v4/targets", 404, None),
        ("/api/v4x2/discovery", 404, None),
        ("/grafana/", 404, None),
        # What the rules see is what the application gets.
        ("/health//x", 200, "/health/x"),
        ("/health/./x", 200, "/health/x"),
        ("/health/../api/v4/targets", 404, None),
        ("/health/%2e%2e/api/v4/targets", 404, None),
        ("/health/..%2fapi/v4/targets", 404, None),
        ("/health/..;/api/v4/targets", 400, None),
        ("/health/..%5capi", 400, None),
        ("/health/%0d%0aX:1", 200, "/health/%0D%0AX:1"),
    ],
)
def test_nginx_lets_through_what_agents_need(
    gateway: tuple[int, int, Application], path: str, status: int, reaches: str | None
) -> None:
    port, _, application = gateway
    application.paths.clear()
    assert get(port, path) == status
    assert application.paths == ([reaches] if reaches else [])


def test_nginx_answers_probes_by_itself(gateway: tuple[int, int, Application]) -> None:
    _, health, application = gateway
    application.paths.clear()
    assert (get(health, "/healthz"), get(health, "/health")) == (200, 404)
    assert application.paths == []


def test_services_are_the_known_ones() -> None:
    assert names_of(settled().plan, "Service") == {
        "sample",
        "sample-agent",
        "sample-database",
        "sample-storage",
        CALLBACK,
    }
