"""Reads certificates in Secrets: their public part, and when they must be renewed."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..plan.model.certificates import CERTIFICATE, KEYS, PRIVATE_KEY, TLS_CA_KEY, CertificateInfo
from .signing import key_id, load_key, public_bytes

USAGES = {"server auth": ExtendedKeyUsageOID.SERVER_AUTH, "client auth": ExtendedKeyUsageOID.CLIENT_AUTH}
_USAGE_NAMES = {oid: name for name, oid in USAGES.items()}
# A certificate that becomes valid later than this many seconds from now was issued with a wrong clock: issue it again.
_MAX_SKEW = 300.0
# Bytes of `tls.crt` and `ca.crt`. Much of a certificate is kept in memory, and a Secret can have a MiB.
MAX_CERTIFICATES = 64 * 1024
# A certificate is renewed after two thirds of its lifetime plus up to 5 %, so that not all are renewed at once.
RENEW_AFTER, JITTER = 2 / 3, 0.05
# cert-manager renews a certificate after the same part of its lifetime, without jitter, and may be restarting then.
OVERDUE_SECONDS = 600.0


@dataclass(frozen=True)
class InspectedCertificate:
    """The public part of a certificate, and when it must be renewed.

    Attributes:
        info: the public part, without regard to the time.
        valid_from: seconds since the epoch; before, the certificate counts as due for renewal.
        renew_at: seconds since the epoch.
        valid_until: seconds since the epoch.
        overdue_at: when cert-manager should have renewed it, in seconds since the epoch.
    """

    info: CertificateInfo
    valid_from: float
    renew_at: float
    valid_until: float = math.inf
    overdue_at: float = math.inf

    def at(self, now: float) -> CertificateInfo:
        """Return the public part as of `now`, in seconds since the epoch."""
        due = not self.valid_from <= now < self.renew_at
        overdue, expired = self.overdue_at <= now, self.valid_until <= now
        if not due and not overdue:
            return self.info
        return replace(self.info, renewal_due=due, renewal_overdue=overdue, expired=expired)


def inspect_secret(data: Mapping[str, str]) -> InspectedCertificate | None:
    """Return the public part of the certificate in a Secret, or None if it has no `tls.crt`.

    Content that cannot be parsed, or is too long, gives a result that satisfies no request.

    Args:
        data: base64 values by key.
    """
    if CERTIFICATE not in data:
        return None
    raw = {key: _decoded(data.get(key)) for key in (CERTIFICATE, TLS_CA_KEY, PRIVATE_KEY)}
    digests = {key: hashlib.sha256(raw[key]).hexdigest() for key in (CERTIFICATE, TLS_CA_KEY) if key in data}
    unreadable = CertificateInfo(KEYS & data.keys(), digests, key_matches=False)
    try:
        if len(raw[CERTIFICATE]) + len(raw[TLS_CA_KEY]) > MAX_CERTIFICATES:
            raise ValueError("too long")
        certificate = x509.load_pem_x509_certificates(raw[CERTIFICATE])[0]
        ca_certificates = x509.load_pem_x509_certificates(raw[TLS_CA_KEY]) if raw[TLS_CA_KEY] else []
        return _inspected(unreadable, certificate, ca_certificates, raw)
    except Exception:  # users may write anything; the library raises many types of errors
        return InspectedCertificate(unreadable, 0.0, 0.0)


def _inspected(
    unreadable: CertificateInfo,
    certificate: x509.Certificate,
    ca_certificates: list[x509.Certificate],
    raw: Mapping[str, bytes],
) -> InspectedCertificate:
    is_ca = _is_ca(certificate)
    valid_from, renew_at = renewal_window(certificate)
    if is_ca:  # renewing removes a previous CA certificate when it expires
        renew_at = min([renew_at, *(each.not_valid_after_utc.timestamp() for each in ca_certificates)])
    info = replace(
        unreadable,
        common_name=_common_name(certificate),
        dns_names=_dns_names(certificate),
        usages=_usages(certificate),
        is_ca=is_ca,
        rsa=isinstance(certificate.public_key(), rsa.RSAPublicKey),
        key_id=key_id(certificate),
        issuer_id=_issuer_id(certificate),
        trusted=frozenset(key_id(each) for each in ca_certificates),
        key_matches=PRIVATE_KEY not in unreadable.keys or _key_matches(raw[PRIVATE_KEY], certificate),
        not_after=certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ"),
        pem=raw[TLS_CA_KEY].decode() if is_ca else "",
    )
    begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    overdue_at = begins + (ends - begins) * RENEW_AFTER + OVERDUE_SECONDS
    return InspectedCertificate(info, valid_from, renew_at, ends, overdue_at)


def renewal_window(certificate: x509.Certificate) -> tuple[float, float]:
    """Return from when until when a certificate needs no renewal, in seconds since the epoch."""
    begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    jitter = certificate.serial_number % 1000 / 1000
    return begins - _MAX_SKEW, begins + (ends - begins) * (RENEW_AFTER + JITTER * jitter)


def needs_renewal(certificate: x509.Certificate, now: float) -> bool:
    """Return whether a certificate must be renewed at `now`, in seconds since the epoch."""
    valid_from, renew_at = renewal_window(certificate)
    return not valid_from <= now < renew_at


def ca_common_name(certificate: x509.Certificate) -> str | None:
    """Return the common name of a CA certificate, or None if the certificate may not sign others."""
    return _common_name(certificate) if _is_ca(certificate) else None


def _decoded(value: str | None) -> bytes:
    try:
        return base64.b64decode(value or "")
    except ValueError:
        return b""


def _key_matches(pem: bytes, certificate: x509.Certificate) -> bool:
    """Return whether a private key belongs to a certificate."""
    key = load_key(pem)
    return key is not None and public_bytes(key.public_key()) == public_bytes(certificate.public_key())


def _issuer_id(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return ""
    return found.hex() if found else ""


def _is_ca(certificate: x509.Certificate) -> bool:
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
