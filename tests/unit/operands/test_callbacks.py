"""The simulated application's calls of agents, and its stored credentials."""

from __future__ import annotations

import base64
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from cryostat_operator.pki import signing
from cryostat_operator.pki.signing import CertificateTemplate, SigningPair
from tests.operands import web
from tests.operands.callbacks import Caller, Credential, Credentials, parse_form
from tests.operands.discovery import RefusedError

LOGIN = Credential("target", "user", "pass")
FIELDS = {"matchExpression": "target", "username": "user", "password": "pass"}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `localhost` with its key and its CA, in one file."""
    ca_key, key, now = signing.new_key(), signing.new_key(), time.time()
    ca = signing.sign_certificate(CertificateTemplate("ca"), ca_key, now)
    names = (x509.DNSName("localhost"),)
    template = CertificateTemplate("test", names, issuer=SigningPair(ca_key, ca))
    issued = signing.sign_certificate(template, key, now)
    path = tmp_path_factory.mktemp("certificate") / "tls.pem"
    path.write_bytes(signing.key_pem(key) + signing.certificates_pem([issued, ca]))
    return path


@pytest.fixture(scope="module")
def port(certificate: Path) -> Iterator[int]:
    """The port of an agent that requires a login."""
    expected = "Basic " + base64.b64encode(b"user:pass").decode()

    def answer(request: web.Request) -> tuple[int, Any]:
        return (204, None) if request.headers.get("authorization") == expected else (401, None)

    server = web.server("127.0.0.1", 0, answer)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def test_an_agent_is_called_with_its_login(port: int, certificate: Path) -> None:
    Caller(certificate).ping(f"https://localhost:{port}/", LOGIN)
    with pytest.raises(RefusedError, match="401"):
        Caller(certificate).ping(f"https://localhost:{port}/", Credential("target", "user", "wrong"))


def test_the_name_in_the_certificate_is_verified(port: int, certificate: Path) -> None:
    with pytest.raises(RefusedError, match="IP address mismatch"):
        Caller(certificate).ping(f"https://127.0.0.1:{port}/", LOGIN)
    Caller(certificate, verify_host=False).ping(f"https://127.0.0.1:{port}/", LOGIN)


def test_credentials_are_stored_once_for_each_expression() -> None:
    credentials = Credentials()
    number = credentials.add(FIELDS)
    assert credentials.number_of("target") == number
    assert credentials.get(number) == LOGIN
    with pytest.raises(RefusedError) as conflict:
        credentials.add(FIELDS)
    assert conflict.value.status == 409
    credentials.delete(number)
    assert credentials.number_of("target") is None
    assert credentials.add(FIELDS) == number + 1


@pytest.mark.parametrize("name", list(FIELDS))
def test_credentials_have_expression_name_and_password(name: str) -> None:
    with pytest.raises(RefusedError, match=f"{name} cannot be blank"):
        Credentials().add({**FIELDS, name: ""})


def test_the_fields_of_a_form_are_read() -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\nuser\r\n'
        b'--x\r\nContent-Disposition: form-data; name="password"; filename="pass"\r\n'
        b'Content-Type: text/plain\r\n\r\np="a%\r\n--x--\r\n'
    )
    assert parse_form("multipart/form-data; boundary=x", body) == {"username": "user", "password": 'p="a%'}
    with pytest.raises(RefusedError) as error:
        parse_form("application/json", b"{}")
    assert error.value.status == 415
