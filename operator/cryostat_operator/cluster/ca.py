"""The built-in certificate authority: makes keys, certificates and keystores. Nothing here reads or writes the cluster.

The Secrets have the keys and formats that cert-manager would give them, so that who reads them sees no difference.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

from ..desired.certificates import AUTHORITIES, CERTIFICATE, PRIVATE_KEY
from ..desired.plan import CertificateOrder
from .certificates import USAGES, key_id, moment

_DAY = 86400.0
AUTHORITY_LIFETIME = 3650 * _DAY
LEAF_LIFETIME = 90 * _DAY
# Clocks of nodes differ: a new certificate is valid at once on all of them.
_BACKDATED = 3600.0
_ROUNDS = 20_000  # of key derivation; the passwords of the keystores have 120 bits

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Data = dict[str, bytes]


@dataclass(frozen=True)
class Signer:
    """The authority's key and certificate, and all certificates that are trusted besides."""

    key: PrivateKey
    certificate: x509.Certificate
    trusted: tuple[x509.Certificate, ...]

    @classmethod
    def of(cls, data: Data) -> Signer:
        """The authority in the data of its Secret.

        Raises:
            ValueError: something in it cannot be read.
        """
        key = serialization.load_pem_private_key(data[PRIVATE_KEY], None)
        assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        certificate = x509.load_pem_x509_certificate(data[CERTIFICATE])
        return cls(key, certificate, tuple(x509.load_pem_x509_certificates(data[AUTHORITIES])))


def found(order: CertificateOrder, existing: Data, now: float) -> Data:
    """Data of a new authority. The certificates of its predecessors stay trusted until they end.

    `now` is in seconds since the epoch. Blocking for milliseconds.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(order, key, None, now)
    try:
        former = x509.load_pem_x509_certificates(existing.get(AUTHORITIES, b""))
    except ValueError:
        former = []
    valid = [
        each
        for each in former
        if each.subject == certificate.subject and each.not_valid_before_utc <= moment(now) < each.not_valid_after_utc
    ]
    return _pem(key, certificate) | {AUTHORITIES: _bundle([certificate, *valid])}


def issue(order: CertificateOrder, signer: Signer, password: bytes | None, now: float) -> Data:
    """Data of a Secret with a new key and certificate. Blocking for up to a few 100 ms where the key is RSA."""
    key: PrivateKey
    if order.rsa:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(order, key, signer, now)
    # The one that signed comes first: some programs read no further.
    others = [each for each in signer.trusted if each != signer.certificate]
    trusted = [signer.certificate, *others]
    data = _pem(key, certificate) | {AUTHORITIES: _bundle(trusted)}
    if password is not None:
        data |= _keystores(key, certificate, trusted, password)
    return data


def _certificate(order: CertificateOrder, key: PrivateKey, signer: Signer | None, now: float) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, order.common_name)])
    ends = moment(now + (LEAF_LIFETIME if signer else AUTHORITY_LIFETIME))
    if signer:
        ends = min(ends, signer.certificate.not_valid_after_utc)
    builder = (
        x509.CertificateBuilder(signer.certificate.subject if signer else subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(moment(now - _BACKDATED))
        .not_valid_after(ends)
        .add_extension(_constraints(signer), critical=True)
        .add_extension(_usage(authority=signer is None, rsa_key=order.rsa), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_issuer(signer, key), critical=False)
    )
    if order.usages:
        usages = x509.ExtendedKeyUsage([USAGES[usage] for usage in sorted(order.usages, reverse=True)])
        builder = builder.add_extension(usages, critical=False)
    if order.dns_names:
        names = x509.SubjectAlternativeName([x509.DNSName(name) for name in order.dns_names])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(signer.key if signer else key, hashes.SHA256())


def _constraints(signer: Signer | None) -> x509.BasicConstraints:
    """The authority signs no other authorities."""
    return x509.BasicConstraints(ca=signer is None, path_length=0 if signer is None else None)


def _issuer(signer: Signer | None, key: PrivateKey) -> x509.AuthorityKeyIdentifier:
    if signer is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return x509.AuthorityKeyIdentifier(bytes.fromhex(key_id(signer.certificate)), None, None)


def _usage(*, authority: bool, rsa_key: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=rsa_key,  # means nothing to elliptic curves
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: PrivateKey, certificate: x509.Certificate) -> Data:
    encoded = key.private_bytes(
        serialization.Encoding.PEM, PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return {PRIVATE_KEY: encoded, CERTIFICATE: _bundle([certificate])}


def _bundle(certificates: list[x509.Certificate]) -> bytes:
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


def _keystores(
    key: PrivateKey, certificate: x509.Certificate, trusted: list[x509.Certificate], password: bytes
) -> Data:
    """PKCS #12 with what the `Modern2023` profile of cert-manager means: PBES2 with AES-256, MAC with SHA-256."""
    encryption = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(_ROUNDS)
        .key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC)
        .hmac_hash(hashes.SHA256())
        .build(password)
    )
    entries = [pkcs12.PKCS12Certificate(each, f"ca-{number}".encode()) for number, each in enumerate(trusted)]
    return {
        "keystore.p12": pkcs12.serialize_key_and_certificates(b"certificate", key, certificate, trusted, encryption),
        "truststore.p12": pkcs12.serialize_java_truststore(entries, encryption),
    }
