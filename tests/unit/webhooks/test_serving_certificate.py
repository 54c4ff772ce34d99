"""The certificate that the webhook server presents: a managed or a mounted one, replaced while it serves."""

from __future__ import annotations

import datetime
import ssl
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509 as lib
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from cryostat_operator.pki import serving
from cryostat_operator.webhooks.serving_certificate import Certificate, ServerTls

HOSTS = ("webhooks.operators.svc", "webhooks.operators.svc.cluster.local")
DAY = datetime.timedelta(days=1)


def managed() -> Certificate:
    data = serving.ensure_serving_certificate({}, HOSTS, datetime.datetime.now(datetime.UTC))
    return Certificate(data[serving.CERTIFICATE] + data[serving.KEY])


def rsa_certificate() -> Certificate:
    """A certificate like those that cert-manager and OLM issue by default."""
    key, now = rsa.generate_private_key(65537, 2048), datetime.datetime.now(datetime.UTC)
    name = lib.Name([lib.NameAttribute(NameOID.COMMON_NAME, "mounted")])
    builder = lib.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - DAY).not_valid_after(now + DAY)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Certificate(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM) + private)


def served_certificate(serving: ServerTls, host: str | None = HOSTS[0]) -> bytes:
    """The certificate that a client gets, as in the first block of a PEM file."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(back, there, server_hostname=host)
    other = serving.context.wrap_bio(there, back, server_side=True)
    for side in (one, other, one, other):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return ssl.DER_cert_to_PEM_cert(one.getpeercert(binary_form=True) or b"").encode()


@pytest.mark.parametrize("host", [HOSTS[0], None])
def test_another_kind_of_key_is_served_too(host: str | None) -> None:
    """A connection to an IP address has no SNI."""
    serving = ServerTls()
    for certificate in (managed(), rsa_certificate(), managed()):
        serving.load(certificate)
        assert certificate.chain_and_key.startswith(served_certificate(serving, host))


def test_a_certificate_without_its_key_changes_nothing() -> None:
    serving, first, second = ServerTls(), managed(), managed()
    serving.load(first)
    half = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    chain = second.chain_and_key[: second.chain_and_key.index(b"-----BEGIN PRIVATE KEY-----")]
    other = first.chain_and_key[first.chain_and_key.index(b"-----BEGIN PRIVATE KEY-----") :]
    for broken in (chain + half, chain + other, chain, b"junk", b""):
        with pytest.raises(ssl.SSLError):
            serving.load(Certificate(broken))
        assert first.chain_and_key.startswith(served_certificate(serving))


def presented(serving: ServerTls, client_certificate: Path | None) -> bytes | None:
    """The client certificate that the server accepted, as in the first block of a PEM file."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    if client_certificate:
        client.load_cert_chain(client_certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(back, there, server_hostname=HOSTS[0])
    other = serving.context.wrap_bio(there, back, server_side=True)
    for side in (one, other, one, other):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    found = other.getpeercert(binary_form=True)
    return ssl.DER_cert_to_PEM_cert(found).encode() if found else None


@pytest.mark.parametrize("authorities_first", [True, False])
def test_a_client_certificate_is_accepted_and_none_is_required(tmp_path: Path, authorities_first: bool) -> None:
    serving, client = ServerTls(), rsa_certificate()
    chain = tmp_path / "client.pem"
    chain.write_bytes(client.chain_and_key)
    authority = client.chain_and_key[: client.chain_and_key.index(b"-----BEGIN PRIVATE KEY-----")]
    if authorities_first:
        serving.trust_clients_of(authority)
    serving.load(managed())
    if not authorities_first:
        serving.trust_clients_of(authority)
    assert presented(serving, chain) == authority
    assert presented(serving, None) is None


def test_without_authorities_no_client_certificate_is_requested(tmp_path: Path) -> None:
    serving, chain = ServerTls(), tmp_path / "client.pem"
    chain.write_bytes(rsa_certificate().chain_and_key)
    serving.load(managed())
    assert presented(serving, chain) is None
