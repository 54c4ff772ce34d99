"""Commands without an answer of the cluster: one clear sentence, exit status 2, and no traceback."""

from __future__ import annotations

import errno
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result
from cryptography import x509

from cryostat_operator.cli import main
from cryostat_operator.inspect.explanation import explanation
from cryostat_operator.kube.errors import ApiError, ApiUnavailable, LoginError
from tests.unit.inspect.kubeconfigs import LOCALHOST, kubeconfig, self_signed, serving

NETWORK = "Check the cluster of the kubeconfig's context, and the network."


def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, **cluster: Any) -> Result:
    """Run `status` with a kubeconfig for a server."""
    return with_kubeconfig(tmp_path, monkeypatch, kubeconfig(server, **cluster))


def with_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> Result:
    file = tmp_path / "config"
    file.write_bytes(content)
    monkeypatch.setenv("KUBECONFIG", str(file))
    result = CliRunner().invoke(main, ["status", "sample"])
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    assert result.stderr.count("\n") == 1
    return result


def test_an_unreachable_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = command(tmp_path, monkeypatch, "http://127.0.0.1:1")
    start = "Error: The API server http://127.0.0.1:1 cannot be reached"
    assert refused.stderr == f"{start}: connection refused. {NETWORK}\n"


def test_an_address_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = command(tmp_path, monkeypatch, "example.com:6443").stderr
    assert "its address is not a URL. Correct the server of the cluster in the kubeconfig." in found


def test_a_name_that_does_not_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = command(tmp_path, monkeypatch, "http://absent.invalid").stderr
    assert f"the name absent.invalid cannot be resolved. {NETWORK}" in found


@pytest.mark.parametrize("password", ["", "user:password@"])
def test_a_proxy_that_does_not_accept_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    cluster = {"proxy-url": f"http://{password}127.0.0.1:1"}
    assert command(tmp_path, monkeypatch, "https://api.example.com", **cluster).stderr == (
        "Error: The API server https://api.example.com cannot be reached: "
        "the HTTP proxy 127.0.0.1:1 does not accept connections (connection refused). "
        "Check proxy-url of the cluster in the kubeconfig, or the variable HTTPS_PROXY.\n"
    )


def test_a_proxy_that_refuses_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(200, b"{}") as proxy:  # it has no method CONNECT
        found = command(tmp_path, monkeypatch, "https://api.example.com", **{"proxy-url": proxy}).stderr
    assert found == (
        "Error: The API server https://api.example.com cannot be reached: the HTTP proxy responds with status 501. "
        "Check proxy-url of the cluster in the kubeconfig, or the variable HTTPS_PROXY.\n"
    )


def test_a_server_that_does_not_answer_in_time() -> None:
    error = ApiUnavailable(0, "Unavailable", "GET /: TimeoutError")
    error.__context__ = TimeoutError()
    assert explanation(error, "https://a") == (
        f"The API server https://a cannot be reached: it does not answer in time. {NETWORK}"
    )


def test_a_network_that_is_not_connected() -> None:
    key: Any = SimpleNamespace(host="192.0.2.9", port=6443, is_ssl=True, ssl=True)
    cause = OSError(errno.EHOSTUNREACH, "Connect call failed ('192.0.2.9', 6443)")
    error = ApiUnavailable(0, "Unavailable", "x")
    error.__context__ = aiohttp.ClientConnectorError(key, cause)
    assert explanation(error, "https://192.0.2.9:6443") == (
        f"The API server https://192.0.2.9:6443 cannot be reached: no route to host. {NETWORK}"
    )


OTHER_NAME = x509.DNSName("api.example.com")


def test_a_certificate_that_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(200, b"{}", self_signed(tmp_path, LOCALHOST)) as server:
        found = command(tmp_path, monkeypatch, server).stderr
    assert found == (
        f"Error: The API server {server} cannot be reached: its certificate is not trusted (self-signed certificate). "
        "Correct certificate-authority in the kubeconfig.\n"
    )


@pytest.mark.parametrize(
    ("name", "issued", "message"),
    [
        (
            OTHER_NAME,
            0.0,
            "its certificate is for another name (IP address mismatch, certificate is not valid for '127.0.0.1'). "
            "Correct server or tls-server-name of the cluster in the kubeconfig.\n",
        ),
        (
            LOCALHOST,
            -50 * 365 * 86400.0,
            "its certificate is not valid now (certificate has expired). "
            "Check the clock of this machine, or renew the certificate.\n",
        ),
    ],
)
def test_a_trusted_certificate_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: x509.GeneralName, issued: float, message: str
) -> None:
    pair = self_signed(tmp_path, name, time.time() + issued)
    with serving(200, b"{}", pair) as server:
        found = command(tmp_path, monkeypatch, server, **{"certificate-authority": str(pair)}).stderr
    assert found.endswith(message), found


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            200,
            b"<html>login</html>",
            "The server does not answer as a Kubernetes API server does; check the cluster of the context\n",
        ),
        (401, b"", "does not accept your credentials. Log in again, or choose another context with --context."),
        (
            404,
            b"404 page not found",
            " does not serve operator.cryostat.io/v1beta2: the operator is not installed in this cluster. Install it, "
            "or choose another cluster with --context.\n",
        ),
        (403, b'{"message": "User u cannot get it"}', "Error: User u cannot get it\n"),
        (403, b"<html>\n<body>Blocked", f" responds with HTTP status 403. {NETWORK}\n"),
        (502, b"<html>\n<body>Bad gateway", f" responds with HTTP status 502. {NETWORK}\n"),
        (502, b"", f" responds with HTTP status 502. {NETWORK}\n"),
        (
            400,
            b"Client sent an HTTP request to an HTTPS server.\n",
            f" responds with HTTP status 400 (Client sent an HTTP request to an HTTPS server). {NETWORK}\n",
        ),
        (
            403,
            b'{"message": "User u cannot get cryostats", "details": {"kind": "cryostats"}}',
            "Error: User u cannot get cryostats. Ask an administrator for this permission, or choose another namespace "
            "with -n.\n",
        ),
        (
            404,
            b'{"reason": "NotFound", "message": "x", "details": {"kind": "cryostats", "name": "sample"}}',
            "Error: There is no Cryostat sample in this namespace. "
            "`kubectl get cryostats --all-namespaces` lists them.\n",
        ),
    ],
)
def test_answers_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, message: str
) -> None:
    with serving(status, body) as server:
        assert message in command(tmp_path, monkeypatch, server).stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [b", "is not YAML, see line 1"),
        (b"\xff\xfe\x00", "is not YAML"),
        (b"hello", "config is not a kubeconfig"),
    ],
)
def test_a_broken_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, message: str) -> None:
    assert message in with_kubeconfig(tmp_path, monkeypatch, content).stderr


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        (
            {"certificate-authority": "/absent/ca.crt"},
            "certificate-authority /absent/ca.crt of the kubeconfig cannot be used: No such file or directory",
        ),
        ({"certificate-authority-data": "!!!"}, "certificate-authority-data of the kubeconfig is not base64"),
        (
            {"certificate-authority-data": "aGVsbG8="},
            "certificate-authority-data of the kubeconfig cannot be used: it is not a certificate",
        ),
    ],
)
def test_a_certificate_of_the_kubeconfig_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: dict[str, str], message: str
) -> None:
    assert message in command(tmp_path, monkeypatch, "https://127.0.0.1:1", **cluster).stderr


def test_other_texts_are_shown_as_they_are() -> None:
    assert explanation(LoginError("no cluster"), "") == "no cluster"
    assert explanation(ApiError(400, "400", "Use\nHTTPS."), "https://a") == (
        "The API server https://a responds with HTTP status 400 (Use HTTPS). "
        "Check the cluster of the kubeconfig's context, and the network."
    )
    assert explanation(ApiError(409, "Conflict", "changed"), "https://a") == "changed"
    assert explanation(ApiError(401, "Unauthorized", "x"), "").startswith("The API server does not accept")
    broken = ApiUnavailable(0, "Unavailable", "x")
    broken.__context__ = aiohttp.ServerDisconnectedError()
    assert explanation(broken, "a") == f"The API server a cannot be reached: ServerDisconnectedError. {NETWORK}"
