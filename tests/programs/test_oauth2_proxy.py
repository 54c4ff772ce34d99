"""oauth2-proxy with the rendered configuration: it loads, serves HTTPS, and knows who may come in."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Iterator

import pytest
import urllib3

from cryostat_operator.plan.model import names
from tests.cluster import binaries
from tests.cluster.processes import Child, listening
from tests.programs.pod import Container, planned, secrets
from tests.programs.test_nginx import application as application
from tests.unit.cluster_state import NAME, NAMESPACE

HOST = f"{NAME}.{NAMESPACE}.svc"


@pytest.fixture(scope="module", autouse=True)
def program() -> str:
    """Built before the first test, because that takes longer than a test may."""
    return str(binaries.programs("oauth2-proxy")["oauth2-proxy"])


@pytest.fixture(scope="module")
def proxy(program: str, tmp_path_factory: pytest.TempPathFactory, application: int) -> Iterator[Container]:
    root, plan = tmp_path_factory.mktemp("oauth2-proxy"), planned()
    ports = {names.PORT_APPLICATION: application}
    container = Container(plan, secrets(plan), NAME, f"{NAME}-auth-proxy", root, {}, ports)
    environment = {"PATH": os.environ["PATH"], **container.environment}
    child = Child("oauth2-proxy", [program, *container.arguments], root / "log", environment)
    try:
        child.wait_until(lambda: listening(container.ports[names.PORT_AUTH_PROXY]), 20)
        yield container
    finally:
        child.stop()
        print(child.tail(50))


def ask(proxy: Container, path: str, login: tuple[str, str] | None = None) -> tuple[int, str]:
    context = ssl.create_default_context(cadata=proxy.secret(f"{NAME}-tls")["ca.crt"].decode())
    headers = {"Host": HOST}
    if login:
        headers["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
    with urllib3.HTTPSConnectionPool(
        "127.0.0.1", proxy.ports[names.PORT_AUTH_PROXY], ssl_context=context, assert_hostname=HOST, retries=False
    ) as pool:
        answer = pool.request("GET", path, headers=headers, redirect=False)
        return answer.status, answer.data.decode()


def login(proxy: Container) -> tuple[str, str]:
    minted = proxy.secret(f"{NAME}-basic-auth")
    return minted["username"].decode(), minted["password"].decode()


def test_the_minted_login_opens_the_application(proxy: Container) -> None:
    assert ask(proxy, "/api/v4/targets", login(proxy)) == (200, "/api/v4/targets")


@pytest.mark.parametrize("path", ["/", "/api/v4/targets", "/grafana/", "/healthX", "/health/../api/v4/targets"])
def test_without_login_everything_is_closed(proxy: Container, path: str) -> None:
    status, body = ask(proxy, path)
    assert status in (301, 403)  # a redirection to the path without tricks
    assert not body.startswith("/")


def test_a_wrong_password_opens_nothing(proxy: Container) -> None:
    assert ask(proxy, "/", (login(proxy)[0], "wrong"))[0] == 403


@pytest.mark.parametrize("path", ["/health", "/health/liveness"])
def test_health_is_open(proxy: Container, path: str) -> None:
    assert ask(proxy, path) == (200, path)


def test_the_kubelet_is_answered(proxy: Container) -> None:
    probe = proxy.spec["livenessProbe"]["httpGet"]
    assert probe["scheme"] == "HTTPS"
    assert ask(proxy, probe["path"])[0] == 200


def test_plain_http_is_not_served(proxy: Container) -> None:
    answer = urllib3.request("GET", f"http://127.0.0.1:{proxy.ports[names.PORT_AUTH_PROXY]}/health", retries=False)
    assert (answer.status, b"HTTP request to an HTTPS server" in answer.data) == (400, True)
