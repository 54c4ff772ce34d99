"""The built-in certificate authority of an instance: keys, certificates and keystores. It does no I/O.

Its Secrets have the keys and formats that cert-manager uses, so that readers handle both in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12

from ..plan.model.certificates import CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY
from ..plan.model.requests import CertificateRequest
from . import signing
from .inspection import USAGES, ca_common_name, needs_renewal
from .signing import CertificateTemplate, PrivateKey, SigningPair, to_datetime

KDF_ROUNDS = 20_000  # enough for the keystores' passwords, which have 120 random bits

Data = dict[str, bytes]


@dataclass(frozen=True)
class CertificateAuthority:
    """A certificate authority with its key.

    Attributes:
        issuer: its certificate and key.
        trusted_certificates: all CA certificates to trust. Its own is first, because some programs read only one.
    """

    issuer: SigningPair
    trusted_certificates: tuple[x509.Certificate, ...]

    @classmethod
    def from_data(cls, data: Data) -> CertificateAuthority:
        """Return the certificate authority in the data of its Secret.

        Raises:
            ValueError: the data contain no certificate with a matching key.
        """
        issuer = signing.load_signing_pair(data.get(CERTIFICATE, b""), data.get(PRIVATE_KEY, b""))
        if issuer is None:
            raise ValueError("the Secret has no certificate with its key")
        others = [each for each in signing.load_certificates(data.get(TLS_CA_KEY, b"")) if each != issuer.certificate]
        return cls(issuer, (issuer.certificate, *others))


def ensure_ca(request: CertificateRequest, existing: Data, now: float) -> Data:
    """Return the data of a CA that is valid now, created or renewed where necessary. Blocks for milliseconds.

    A renewed CA keeps its key: programs that trust only the old or only the new CA certificate accept certificates
    signed before and after. Previous CA certificates stay trusted until they expire.

    Args:
        request: the request for the CA.
        existing: data of its Secret; empty if there is none.
        now: seconds since the epoch.
    """
    current = _current_ca(request, existing)
    key = current.key if current else signing.new_key()
    if current and not needs_renewal(current.certificate, now):
        certificate = current.certificate
    else:
        certificate = signing.sign_certificate(CertificateTemplate(request.common_name), key, now)
    previous = [
        each
        for each in signing.load_certificates(existing.get(TLS_CA_KEY, b""))
        if each != certificate
        and each.subject == certificate.subject
        and each.not_valid_before_utc <= to_datetime(now) < each.not_valid_after_utc
    ]
    return _pem(key, certificate) | {TLS_CA_KEY: signing.certificates_pem([certificate, *previous])}


def _current_ca(request: CertificateRequest, existing: Data) -> SigningPair | None:
    """Return the CA in the Secret, if it was created for this request."""
    pair = signing.load_signing_pair(existing.get(CERTIFICATE, b""), existing.get(PRIVATE_KEY, b""))
    if pair is None or not isinstance(pair.key, ec.EllipticCurvePrivateKey):
        return None
    return pair if ca_common_name(pair.certificate) == request.common_name else None


def issue_certificate(
    request: CertificateRequest, ca: CertificateAuthority, password: bytes | None, now: float
) -> Data:
    """Return the data of a Secret with a new key and certificate. Blocks for up to some 100 ms if the key is RSA.

    Args:
        request: names, usages and key type.
        ca: the certificate authority that signs.
        password: password of the keystores; None if no keystores are requested.
        now: seconds since the epoch.
    """
    key = signing.new_key(use_rsa=request.rsa)
    usages = tuple(USAGES[usage] for usage in sorted(request.usages, reverse=True))
    names = tuple(x509.DNSName(name) for name in request.dns_names)
    template = CertificateTemplate(request.common_name, names, usages, ca.issuer)
    certificate = signing.sign_certificate(template, key, now)
    data = _pem(key, certificate) | {TLS_CA_KEY: signing.certificates_pem(ca.trusted_certificates)}
    if password is not None:
        data |= _keystores(key, certificate, ca.trusted_certificates, password)
    return data


def _pem(key: PrivateKey, certificate: x509.Certificate) -> Data:
    pem = signing.key_pem(key, PrivateFormat.TraditionalOpenSSL)
    return {PRIVATE_KEY: pem, CERTIFICATE: signing.certificates_pem([certificate])}


def _keystores(
    key: PrivateKey, certificate: x509.Certificate, trusted: tuple[x509.Certificate, ...], password: bytes
) -> Data:
    """Return PKCS #12 stores like those of cert-manager's profile `Modern2023`: PBES2, AES-256-CBC, HMAC-SHA-256."""
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(KDF_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password)
    )
    entries = [pkcs12.PKCS12Certificate(each, f"ca-{number}".encode()) for number, each in enumerate(trusted)]
    return {
        "keystore.p12": pkcs12.serialize_key_and_certificates(b"certificate", key, certificate, trusted, encryption),
        "truststore.p12": pkcs12.serialize_java_truststore(entries, encryption),
    }
