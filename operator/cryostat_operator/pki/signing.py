"""Creates and reads keys and certificates, for the CA of instances and for that of the webhooks."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat
from cryptography.x509.oid import NameOID

DAY = 86400.0
CA_LIFETIME = 3650 * DAY
CERTIFICATE_LIFETIME = 90 * DAY
# A new certificate must be valid at once on nodes whose clocks are slow.
_BACKDATE = 3600.0

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class SigningPair:
    """A certificate and its private key, both parsed."""

    key: PrivateKey
    certificate: x509.Certificate


@dataclass(frozen=True)
class CertificateTemplate:
    """Content of a certificate to sign.

    Attributes:
        common_name: common name of the subject.
        subject_alt_names: DNS names and IP addresses.
        usages: extended key usages.
        issuer: the CA that signs; None for a CA that signs itself and may not sign other CAs.
    """

    common_name: str
    subject_alt_names: tuple[x509.GeneralName, ...] = ()
    usages: tuple[x509.ObjectIdentifier, ...] = ()
    issuer: SigningPair | None = None


def new_key(*, use_rsa: bool = False) -> PrivateKey:
    """Return a new ECDSA P-256 key, or RSA with 2048 bits, which blocks for up to some 100 ms."""
    if use_rsa:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def sign_certificate(template: CertificateTemplate, key: PrivateKey, now: float) -> x509.Certificate:
    """Return a signed certificate that does not expire after its issuer.

    Args:
        template: content and issuer.
        key: the private key that it belongs to.
        now: seconds since the epoch; the certificate is valid from an hour before.
    """
    issuer = template.issuer
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, template.common_name)])
    ends = to_datetime(now + (CERTIFICATE_LIFETIME if issuer else CA_LIFETIME))
    builder = (
        x509.CertificateBuilder(issuer.certificate.subject if issuer else subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(to_datetime(now - _BACKDATE))
        .not_valid_after(min(ends, issuer.certificate.not_valid_after_utc) if issuer else ends)
        .add_extension(x509.BasicConstraints(ca=not issuer, path_length=None if issuer else 0), critical=True)
        .add_extension(_key_usage(is_ca=not issuer, rsa_key=isinstance(key, rsa.RSAPrivateKey)), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_key_id(issuer, key), critical=False)
    )
    if template.usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(template.usages), critical=False)
    if template.subject_alt_names:
        builder = builder.add_extension(x509.SubjectAlternativeName(template.subject_alt_names), critical=False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def _authority_key_id(issuer: SigningPair | None, key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    if issuer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier(bytes.fromhex(key_id(issuer.certificate)), None, None)


def _key_usage(*, is_ca: bool, rsa_key: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=rsa_key and not is_ca,  # not defined for elliptic curves
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def certificates_pem(certificates: Iterable[x509.Certificate]) -> bytes:
    """Return certificates as one PEM file."""
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def load_certificates(pem: bytes) -> list[x509.Certificate]:
    """Return all certificates of a PEM file, or an empty list if it cannot be read."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []


def key_pem(key: PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    """Return a private key as an unencrypted PEM file."""
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def load_key(pem: bytes) -> PrivateKey | None:
    """Return the private key of a PEM file, or None if it contains no EC or RSA key."""
    try:
        # Validating an RSA key is slow and not needed: callers compare it with its certificate.
        key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) else None


def load_signing_pair(certificate_pem: bytes, pem: bytes) -> SigningPair | None:
    """Return the first certificate of a PEM file with its key, or None if they do not belong together."""
    found, key = load_certificates(certificate_pem), load_key(pem)
    if not found or key is None or public_bytes(key.public_key()) != public_bytes(found[0].public_key()):
        return None
    return SigningPair(key, found[0])


def public_bytes(key: object) -> bytes:
    """Return a public key in DER, to compare keys."""
    assert hasattr(key, "public_bytes")
    der: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return der


def key_id(certificate: x509.Certificate) -> str:
    """Return the subject key identifier in hexadecimal digits, or a SHA-256 of the key if the certificate has none."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    except x509.ExtensionNotFound:
        return hashlib.sha256(public_bytes(certificate.public_key())).hexdigest()


def to_datetime(seconds: float) -> datetime.datetime:
    """Return a UTC time in whole seconds for seconds since the epoch."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(microsecond=0)
