"""The client certificates that identify the API server."""

from __future__ import annotations

import datetime
import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from cryostat_operator.webhooks.caller_identity import CallerAuthorities, parse_authorities


class Authority:
    """Issues client certificates."""

    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self._name, self._key.public_key())
        self.pem = self.certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, name: str, group: str = "") -> bytes:
        """Return a client certificate (DER)."""
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
        if group:
            attributes.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        key = ec.generate_private_key(ec.SECP256R1())
        return self._sign(x509.Name(attributes), key.public_key()).public_bytes(Encoding.DER)

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.Certificate:
        start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(7).not_valid_before(start).not_valid_after(start + datetime.timedelta(days=9))
        return builder.sign(self._key, hashes.SHA256())


CLIENT, PROXY, OTHER = Authority("kubernetes"), Authority("front-proxy"), Authority("kubernetes")


def authorities(*names: str) -> CallerAuthorities:
    data = {
        "client-ca-file": CLIENT.pem,
        "requestheader-client-ca-file": PROXY.pem,
        "requestheader-allowed-names": json.dumps(names),
    }
    return parse_authorities({"data": data})


@pytest.mark.parametrize(
    ("certificate", "expected"),
    [
        (PROXY.issue("front-proxy-client"), True),
        (PROXY.issue("other"), False),
        (CLIENT.issue("kube-apiserver-kubelet-client"), True),
        (CLIENT.issue("admin", "system:masters"), True),
        (CLIENT.issue("system:node:n1", "system:nodes"), False),
        (CLIENT.issue("front-proxy-client"), False),
        (OTHER.issue("kube-apiserver", "system:masters"), False),
        (b"junk", False),
    ],
    ids=range(8),
)
def test_only_certificates_of_the_api_server_are_accepted(certificate: bytes, expected: bool) -> None:
    assert authorities("front-proxy-client").is_api_server(certificate) is expected


def test_without_names_every_certificate_of_the_front_proxy_is_accepted() -> None:
    assert authorities().is_api_server(PROXY.issue("any"))


@pytest.mark.parametrize("config_map", [None, {}, {"data": {"client-ca-file": "junk"}}])
def test_without_authorities_no_caller_is_identified(config_map: dict[str, object] | None) -> None:
    found = parse_authorities(config_map)
    assert found.pem == b""
    assert not found.is_api_server(CLIENT.issue("kube-apiserver", "system:masters"))


def test_both_authorities_are_requested_from_clients() -> None:
    assert authorities().pem.decode() == CLIENT.pem + PROXY.pem
