"""The built-in certificate authority: makes keys, certificates and keystores. Nothing here reads or writes the cluster.

The Secrets have the keys and formats that cert-manager would give them, so that who reads them sees no difference.
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
from .inspection import USAGES, authority_name, needs_renewal
from .signing import Authority, PrivateKey, Wish, moment

MAX_PASSES = 20_000  # of key derivation; the passwords of the keystores have 120 bits

Data = dict[str, bytes]


@dataclass(frozen=True)
class CertificateAuthority:
    """The authority, and all certificates that are trusted: its own first, because some programs read no further."""

    authority: Authority
    trusted: tuple[x509.Certificate, ...]

    @classmethod
    def of(cls, data: Data) -> CertificateAuthority:
        """The authority in the data of its Secret.

        Raises:
            ValueError: there is none that could be used.
        """
        authority = signing.authority_of(data.get(CERTIFICATE, b""), data.get(PRIVATE_KEY, b""))
        if authority is None:
            raise ValueError("no certificate with its key")
        others = [each for each in signing.certificates(data.get(TLS_CA_KEY, b"")) if each != authority.certificate]
        return cls(authority, (authority.certificate, *others))


def found(order: CertificateRequest, existing: Data, now: float) -> Data:
    """Data of an authority that is good at `now` (seconds since the epoch). Blocking for milliseconds.

    It keeps its key when it is renewed: whoever trusts the old certificate accepts what was signed after it, and the
    other way round. Certificates of predecessors stay trusted until they end.
    """
    own = _own(order, existing)
    key = own.key if own else signing.new_key()
    if own and not needs_renewal(own.certificate, now):
        certificate = own.certificate
    else:
        certificate = signing.certificate(Wish(order.common_name), key, now)
    valid = [
        each
        for each in signing.certificates(existing.get(TLS_CA_KEY, b""))
        if each != certificate
        and each.subject == certificate.subject
        and each.not_valid_before_utc <= moment(now) < each.not_valid_after_utc
    ]
    return _pem(key, certificate) | {TLS_CA_KEY: signing.bundle([certificate, *valid])}


def _own(order: CertificateRequest, existing: Data) -> Authority | None:
    """The authority that was made for this order, if its Secret still holds it."""
    authority = signing.authority_of(existing.get(CERTIFICATE, b""), existing.get(PRIVATE_KEY, b""))
    if authority is None or not isinstance(authority.key, ec.EllipticCurvePrivateKey):
        return None
    return authority if authority_name(authority.certificate) == order.common_name else None


def issue(order: CertificateRequest, signer: CertificateAuthority, password: bytes | None, now: float) -> Data:
    """Data of a Secret with a new key and certificate. Blocking for up to a few 100 ms where the key is RSA."""
    key = signing.new_key(of_rsa=order.rsa)
    usages = tuple(USAGES[usage] for usage in sorted(order.usages, reverse=True))
    names = tuple(x509.DNSName(name) for name in order.dns_names)
    certificate = signing.certificate(Wish(order.common_name, names, usages, signer.authority), key, now)
    data = _pem(key, certificate) | {TLS_CA_KEY: signing.bundle(signer.trusted)}
    if password is not None:
        data |= _keystores(key, certificate, signer.trusted, password)
    return data


def _pem(key: PrivateKey, certificate: x509.Certificate) -> Data:
    pem = signing.key_pem(key, PrivateFormat.TraditionalOpenSSL)
    return {PRIVATE_KEY: pem, CERTIFICATE: signing.bundle([certificate])}


def _keystores(
    key: PrivateKey, certificate: x509.Certificate, trusted: tuple[x509.Certificate, ...], password: bytes
) -> Data:
    """PKCS #12 with what the `Modern2023` profile of cert-manager means: PBES2 with AES-256, MAC with SHA-256."""
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(MAX_PASSES)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password)
    )
    entries = [pkcs12.PKCS12Certificate(each, f"ca-{number}".encode()) for number, each in enumerate(trusted)]
    return {
        "keystore.p12": pkcs12.serialize_key_and_certificates(b"certificate", key, certificate, trusted, encryption),
        "truststore.p12": pkcs12.serialize_java_truststore(entries, encryption),
    }
