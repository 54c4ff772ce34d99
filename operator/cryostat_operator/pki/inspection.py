"""Reads certificates in Secrets: what is public of them, and when they must be renewed."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..plan.model.certificates import CERTIFICATE, PRIVATE_KEY, TLS_CA_KEY, CertificateInfo
from .signing import key_id, key_of, public_bytes

USAGES = {"server auth": ExtendedKeyUsageOID.SERVER_AUTH, "client auth": ExtendedKeyUsageOID.CLIENT_AUTH}
_USAGE_NAMES = {oid: name for name, oid in USAGES.items()}
# A certificate that seems to begin in the future was issued while the clock was wrong, unless it is about moments.
_SKEW = 300.0
# Renewal begins after two thirds of the lifetime, and within another 5 % of it: not for all certificates at once.
_RENEWAL, _JITTER = 2 / 3, 0.05


@dataclass(frozen=True)
class InspectedCertificate:
    """A certificate in a Secret: its fact, and the seconds since the epoch between which it needs no renewal."""

    fact: CertificateInfo
    begins: float
    renewal: float

    def at(self, now: float) -> CertificateInfo:
        """The fact at a time, in seconds since the epoch."""
        due = not self.begins <= now < self.renewal
        return replace(self.fact, due=True) if due else self.fact


def inspect_secret(data: Mapping[str, str]) -> InspectedCertificate | None:
    """What is public in the data of a Secret; None where it holds no certificate.

    Something that cannot be read as what it should be gives a fact that fits no order.
    """
    if CERTIFICATE not in data:
        return None
    raw = {key: _decoded(data.get(key)) for key in (CERTIFICATE, TLS_CA_KEY, PRIVATE_KEY)}
    digests = {key: hashlib.sha256(raw[key]).hexdigest() for key in (CERTIFICATE, TLS_CA_KEY) if key in data}
    bare = CertificateInfo(frozenset(data), digests, sound=False)
    try:
        certificate = x509.load_pem_x509_certificates(raw[CERTIFICATE])[0]
        authorities = x509.load_pem_x509_certificates(raw[TLS_CA_KEY]) if raw[TLS_CA_KEY] else []
        return _inspected(bare, certificate, authorities, raw)
    except Exception:  # anybody's bytes; the library has many ways to say that they are none of it
        return InspectedCertificate(bare, 0.0, 0.0)


def _inspected(
    bare: CertificateInfo, certificate: x509.Certificate, authorities: list[x509.Certificate], raw: Mapping[str, bytes]
) -> InspectedCertificate:
    authority = _is_authority(certificate)
    begins, renewal = _good_between(certificate)
    if authority:  # a predecessor that ends is trusted no longer
        renewal = min([renewal, *(each.not_valid_after_utc.timestamp() for each in authorities)])
    fact = replace(
        bare,
        common_name=_common_name(certificate),
        dns_names=_dns_names(certificate),
        usages=_usages(certificate),
        authority=authority,
        rsa=isinstance(certificate.public_key(), rsa.RSAPublicKey),
        key_id=key_id(certificate),
        issuer_id=_issuer_id(certificate),
        trusted=frozenset(key_id(each) for each in authorities),
        sound=PRIVATE_KEY not in bare.keys or _belongs(raw[PRIVATE_KEY], certificate),
        not_after=certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        pem=raw[TLS_CA_KEY].decode() if authority else "",
    )
    return InspectedCertificate(fact, begins, renewal)


def _good_between(certificate: x509.Certificate) -> tuple[float, float]:
    """Between which seconds since the epoch a certificate needs no renewal."""
    begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    chance = certificate.serial_number % 1000 / 1000
    return begins - _SKEW, begins + (ends - begins) * (_RENEWAL + _JITTER * chance)


def needs_renewal(certificate: x509.Certificate, now: float) -> bool:
    begins, renewal = _good_between(certificate)
    return not begins <= now < renewal


def authority_name(certificate: x509.Certificate) -> str | None:
    """The common name of a certificate that may sign others; None where it may not."""
    return _common_name(certificate) if _is_authority(certificate) else None


def _decoded(value: str | None) -> bytes:
    try:
        return base64.b64decode(value or "")
    except ValueError:
        return b""


def _belongs(pem: bytes, certificate: x509.Certificate) -> bool:
    """Whether a private key is that of a certificate."""
    key = key_of(pem)
    return key is not None and public_bytes(key.public_key()) == public_bytes(certificate.public_key())


def _issuer_id(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return ""
    return found.hex() if found else ""


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _common_name(certificate: x509.Certificate) -> str:
    found = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _dns_names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(names.get_values_for_type(x509.DNSName))


def _usages(certificate: x509.Certificate) -> frozenset[str]:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(_USAGE_NAMES.get(usage, usage.dotted_string) for usage in usages)
