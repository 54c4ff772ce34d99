"""Creates, checks and renews the CA and the serving certificate of the webhooks. It does no I/O."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Mapping

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from . import signing
from .signing import CERTIFICATE_LIFETIME, DAY, CertificateTemplate, SigningPair, to_datetime

CA_BUNDLE, CA_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
# Both are renewed when less than this is left. The CA must outlive two serving certificates.
_MIN_CA_LEFT, _MIN_LEFT = 2 * CERTIFICATE_LIFETIME, 30 * DAY


def ensure_serving_certificate(
    data: Mapping[str, bytes], hosts: Iterable[str], now: datetime.datetime
) -> dict[str, bytes]:
    """Return the content that the Secret should have now; equal to `data` if nothing must be renewed.

    A new CA certificate is placed before the old one in the bundle: certificates of both are trusted until all replicas
    serve a new one.

    Args:
        data: current content of the Secret; empty or unusable content is replaced.
        hosts: DNS names and IP addresses that the certificate must be valid for.
        now: the time, with time zone.
    """
    host_names, seconds = list(dict.fromkeys(hosts)), now.timestamp()
    ca_certificates = [c for c in signing.load_certificates(data.get(CA_BUNDLE, b"")) if c.not_valid_after_utc > now]
    ca = _usable(signing.certificates_pem(ca_certificates[:1]), data.get(CA_KEY, b""), seconds + _MIN_CA_LEFT)
    if ca is None:
        ca = _new_ca(seconds)
        ca_certificates = [ca.certificate, *ca_certificates[:1]]
    elif _is_valid_for(data, ca, host_names, seconds):
        return dict(data)
    key = signing.new_key()
    names = tuple(map(_general_name, host_names))
    template = CertificateTemplate(host_names[0][:64], names, (ExtendedKeyUsageOID.SERVER_AUTH,), ca)
    return {
        CA_BUNDLE: signing.certificates_pem(ca_certificates),
        CA_KEY: signing.key_pem(ca.key),
        CERTIFICATE: signing.certificates_pem([signing.sign_certificate(template, key, seconds), ca.certificate]),
        KEY: signing.key_pem(key),
    }


def _usable(certificate: bytes, key: bytes, until: float) -> SigningPair | None:
    """Return certificate and key if they belong together and are valid beyond `until`, in seconds since the epoch."""
    pair = signing.load_signing_pair(certificate, key)
    return pair if pair and pair.certificate.not_valid_after_utc > to_datetime(until) else None


def _is_valid_for(data: Mapping[str, bytes], ca: SigningPair, hosts: list[str], now: float) -> bool:
    pair = _usable(data.get(CERTIFICATE, b""), data.get(KEY, b""), now + _MIN_LEFT)
    if pair is None:
        return False
    try:
        pair.certificate.verify_directly_issued_by(ca.certificate)
        names = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return set(map(_general_name, hosts)) <= set(names)


def _new_ca(now: float) -> SigningPair:
    # Verifiers build chains by subject name, so the names of two CAs must differ.
    name = f"cryostat-operator webhooks {x509.random_serial_number():x}"[:64]
    key = signing.new_key()
    return SigningPair(key, signing.sign_certificate(CertificateTemplate(name), key, now))


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
