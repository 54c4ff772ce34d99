"""Temporary certificates for servers on loopback: the API server of the control plane, and webhooks under test."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class ServingCertificate:
    """PEM files: the authority to trust, the server's certificate and its key."""

    ca: Path
    certificate: Path
    key: Path


def write_key(path: Path) -> Key:
    """Write a new P-256 key to a PEM file with mode 0600, which kube-apiserver reads as private and as public key."""
    key = ec.generate_private_key(ec.SECP256R1())
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    return key


def write_serving_certificate(directory: Path, *names: str) -> ServingCertificate:
    """Write an authority and a server certificate for these host names and IP addresses, valid for ten days."""
    files = ServingCertificate(directory / "ca.crt", directory / "tls.crt", directory / "tls.key")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("test authority", ca_key, None, ca_key, ())
    issued = _certificate("test server", write_key(files.key), ca, ca_key, names)
    files.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    files.certificate.write_bytes(issued.public_bytes(serialization.Encoding.PEM))
    return files


def write_client_certificates(directory: Path, *names: str) -> dict[str, ServingCertificate]:
    """An authority, and for each name a client certificate with this common name."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("test clients", ca_key, None, ca_key, ())
    found = {}
    for name in names:
        files = ServingCertificate(directory / "ca.crt", directory / f"{name}.crt", directory / f"{name}.key")
        issued = _certificate(name, write_key(files.key), ca, ca_key, ())
        files.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        files.certificate.write_bytes(issued.public_bytes(serialization.Encoding.PEM))
        found[name] = files
    return found


def _certificate(
    common_name: str, key: Key, issuer: x509.Certificate | None, issuer_key: Key, names: tuple[str, ...]
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.UTC)
    authority = issuer is None
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=authority, crl_sign=authority, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=10))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        builder = builder.add_extension(x509.SubjectAlternativeName([_san(name) for name in names]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
