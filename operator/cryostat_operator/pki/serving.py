"""The self-managed authority and serving certificate of the webhooks: made, checked and renewed, nothing stored."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Mapping

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID

from . import signing
from .signing import CERTIFICATE_LIFETIME, DAY, Authority, Wish, moment

CA_BUNDLE, CA_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
# What must be left of the lifetime of the authority and of the certificate: one outlives two of the other.
_AUTHORITY_LEFT, _LEFT = 2 * CERTIFICATE_LIFETIME, 30 * DAY


def current(data: Mapping[str, bytes], hosts: Iterable[str], now: datetime.datetime) -> dict[str, bytes]:
    """The content of the Secret as it should be now; equal to `data` where nothing is due.

    A new authority is put before the old one in the bundle, so that certificates of both are trusted until all replicas
    serve a new one.

    Args:
        data: what the Secret holds; empty or unusable content is made anew.
        hosts: DNS names and IP addresses that the certificate must be valid for.
        now: the time, with time zone.
    """
    wanted, seconds = list(dict.fromkeys(hosts)), now.timestamp()
    authorities = [a for a in signing.certificates(data.get(CA_BUNDLE, b"")) if a.not_valid_after_utc > now]
    authority = _usable(signing.bundle(authorities[:1]), data.get(CA_KEY, b""), seconds + _AUTHORITY_LEFT)
    if authority is None:
        authority = _new_authority(seconds)
        authorities = [authority.certificate, *authorities[:1]]
    elif _serves(data, authority, wanted, seconds):
        return dict(data)
    key = signing.new_key()
    wish = Wish(wanted[0][:64], tuple(map(_general_name, wanted)), (ExtendedKeyUsageOID.SERVER_AUTH,), authority)
    return {
        CA_BUNDLE: signing.bundle(authorities),
        CA_KEY: signing.key_pem(authority.key),
        CERTIFICATE: signing.bundle([signing.certificate(wish, key, seconds), authority.certificate]),
        KEY: signing.key_pem(key),
    }


def _usable(certificate: bytes, key: bytes, until: float) -> Authority | None:
    """Certificate and key if they belong together and are valid beyond a time."""
    pair = signing.authority_of(certificate, key)
    return pair if pair and pair.certificate.not_valid_after_utc > moment(until) else None


def _serves(data: Mapping[str, bytes], authority: Authority, hosts: list[str], now: float) -> bool:
    pair = _usable(data.get(CERTIFICATE, b""), data.get(KEY, b""), now + _LEFT)
    if pair is None:
        return False
    try:
        pair.certificate.verify_directly_issued_by(authority.certificate)
        names = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return set(map(_general_name, hosts)) <= set(names)


def _new_authority(now: float) -> Authority:
    # A serial number in the name tells two authorities apart: chains are built by name.
    name = f"cryostat-operator webhooks {x509.random_serial_number():x}"[:64]
    key = signing.new_key()
    return Authority(key, signing.certificate(Wish(name), key, now))


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
