"""OpenSSL, in its strictest mode, accepts the certificates and keystores of the operator's own CA.

The simulated application opens its keystore with OpenSSL, too.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cryostat_operator.pki import authority
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import CertificateRequest
from tests.operands import application
from tests.operands.backends import UnreachableError

NOW = 1_800_000_000.0
CA = CertificateRequest(Key("Secret", "n", "ca"), "cryostat-ca")
SERVER = CertificateRequest(
    Key("Secret", "n", "db"), "cryostat-db", ("db", "db.n.svc"), frozenset({"server auth", "client auth"}), CA.key
)

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")


def verifies(directory: Path, certificate: bytes, trusted: bytes) -> bool:
    (directory / "certificate.pem").write_bytes(certificate)
    (directory / "ca.pem").write_bytes(trusted)
    command = ["openssl", "verify", "-x509_strict", "-attime", str(int(NOW)), "-CAfile", str(directory / "ca.pem")]
    return subprocess.run([*command, str(directory / "certificate.pem")], capture_output=True).returncode == 0


@pytest.mark.parametrize("rsa", [False, True])
def test_certificates_of_the_ca_verify(tmp_path: Path, rsa: bool) -> None:
    ca = authority.ensure_ca(CA, {}, NOW)
    other = authority.ensure_ca(CA, {}, NOW)
    made = authority.issue_certificate(
        replace(SERVER, rsa=rsa), authority.CertificateAuthority.from_data(ca), None, NOW
    )
    assert verifies(tmp_path, made["tls.crt"], made["ca.crt"])
    assert not verifies(tmp_path, made["tls.crt"], other["ca.crt"])


def write_keystore(directory: Path, password: bytes) -> Path:
    ca = authority.ensure_ca(CA, {}, NOW)
    request = replace(SERVER, password=(Key("Secret", "n", "p"), "p"))
    made = authority.issue_certificate(request, authority.CertificateAuthority.from_data(ca), password, NOW)
    path = directory / "keystore.p12"
    path.write_bytes(made["keystore.p12"])
    return path


def test_keystores_use_modern_encryption(tmp_path: Path) -> None:
    password = "0123456789abcdefghij"
    keystore = write_keystore(tmp_path, password.encode())
    command = ["openssl", "pkcs12", "-info", "-noout", "-in", str(keystore), "-passin", f"pass:{password}"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert "MAC: sha256" in shown
    assert "PBES2, PBKDF2, AES-256-CBC" in shown
    assert "RC2" not in shown


def test_the_simulated_application_needs_the_password_of_its_keystore(tmp_path: Path) -> None:
    keystore, password = write_keystore(tmp_path, b"right"), tmp_path / "password"
    env = {"SSL_KEYSTORE": str(keystore), "SSL_KEYSTORE_PASS_FILE": str(password)}
    password.write_text("right")
    application.check_keystore(env)
    password.write_text("wrong")
    with pytest.raises(UnreachableError):
        application.check_keystore(env)
