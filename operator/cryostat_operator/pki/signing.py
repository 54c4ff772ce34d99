"""Keys and certificates, made and read: what the authority of instances and that of the webhooks have in common."""

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
# Clocks of nodes differ: a new certificate is valid at once on all of them.
_BACKDATED = 3600.0

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Authority:
    """A certificate that may sign others, with its key."""

    key: PrivateKey
    certificate: x509.Certificate


@dataclass(frozen=True)
class Wish:
    """What a certificate is to say. Without `signer` it is an authority, which signs itself and no other authority."""

    common_name: str
    names: tuple[x509.GeneralName, ...] = ()
    usages: tuple[x509.ObjectIdentifier, ...] = ()
    signer: Authority | None = None


def new_key(*, of_rsa: bool = False) -> PrivateKey:
    """Blocking for up to a few 100 ms where the key is RSA."""
    if of_rsa:
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def certificate(wish: Wish, key: PrivateKey, now: float) -> x509.Certificate:
    """A certificate of `key` from `now` (seconds since the epoch) on; none outlives its authority."""
    signer = wish.signer
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wish.common_name)])
    ends = moment(now + (CERTIFICATE_LIFETIME if signer else CA_LIFETIME))
    builder = (
        x509.CertificateBuilder(signer.certificate.subject if signer else subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment(now - _BACKDATED))
        .not_valid_after(min(ends, signer.certificate.not_valid_after_utc) if signer else ends)
        .add_extension(x509.BasicConstraints(ca=not signer, path_length=None if signer else 0), critical=True)
        .add_extension(_usage(authority=not signer, rsa_key=isinstance(key, rsa.RSAPrivateKey)), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_issuer(signer, key), critical=False)
    )
    if wish.usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(wish.usages), critical=False)
    if wish.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(wish.names), critical=False)
    return builder.sign(signer.key if signer else key, hashes.SHA256())


def _issuer(signer: Authority | None, key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    if signer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier(bytes.fromhex(key_id(signer.certificate)), None, None)


def _usage(*, authority: bool, rsa_key: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=rsa_key and not authority,  # means nothing to elliptic curves
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


# --- PEM ---


def bundle(certificates: Iterable[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def certificates(pem: bytes) -> list[x509.Certificate]:
    """All certificates of a PEM file; none where it cannot be read."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        return []


def key_pem(key: PrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


def key_of(pem: bytes) -> PrivateKey | None:
    """The private key of a PEM file; None where there is none of a kind that is used here."""
    try:
        # Whether an RSA key is a good one takes long to tell; that it belongs to its certificate is compared.
        key = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError):
        return None
    return key if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) else None


def authority_of(certificate_pem: bytes, pem: bytes) -> Authority | None:
    """The first certificate of a PEM file with its key; None where they do not belong together."""
    found, key = certificates(certificate_pem), key_of(pem)
    if not found or key is None or public_bytes(key.public_key()) != public_bytes(found[0].public_key()):
        return None
    return Authority(key, found[0])


# --- what identifies them ---


def public_bytes(key: object) -> bytes:
    assert hasattr(key, "public_bytes")
    der: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return der


def key_id(certificate: x509.Certificate) -> str:
    """The identifier that the certificate itself gives its key, in hexadecimal digits."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    except x509.ExtensionNotFound:
        return hashlib.sha256(public_bytes(certificate.public_key())).hexdigest()


def moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).replace(microsecond=0)
