"""The self-managed authority and serving certificate of the webhooks: made, checked and renewed, nothing stored."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_BUNDLE, CA_KEY, CERTIFICATE, KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
_CA_LIFE = datetime.timedelta(days=3650)
_LIFE = datetime.timedelta(days=90)
_CLOCKS_DIFFER = datetime.timedelta(minutes=5)


class _Pair(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def current(data: Mapping[str, bytes], hosts: Iterable[str], now: datetime.datetime) -> dict[str, bytes]:
    """The content of the Secret as it should be now; equal to `data` where nothing is due.

    A new authority is put before the old one in the bundle, so that certificates of both are trusted until all replicas
    serve a new one.

    Args:
        data: what the Secret holds; empty or unusable content is made anew.
        hosts: DNS names and IP addresses that the certificate must be valid for.
        now: the time, with time zone.
    """
    wanted = list(dict.fromkeys(hosts))
    authorities = _authorities(data.get(CA_BUNDLE, b""), now)
    authority = _usable(authorities[:1], data.get(CA_KEY, b""), now, _LIFE * 2)
    if authority is None:
        authority = _new_authority(now)
        authorities = [authority.certificate, *authorities[:1]]
    elif _serves(data, authority, wanted, now):
        return dict(data)
    certificate = _new_certificate(authority, wanted, now)
    return {
        CA_BUNDLE: b"".join(map(_pem, authorities)),
        CA_KEY: _key_pem(authority.key),
        CERTIFICATE: _pem(certificate.certificate) + _pem(authority.certificate),
        KEY: _key_pem(certificate.key),
    }


def _authorities(bundle: bytes, now: datetime.datetime) -> list[x509.Certificate]:
    try:
        found = x509.load_pem_x509_certificates(bundle)
    except ValueError:
        return []
    return [each for each in found if each.not_valid_after_utc > now]


def _usable(
    certificates: list[x509.Certificate], key: bytes, now: datetime.datetime, left: datetime.timedelta
) -> _Pair | None:
    """Certificate and key if they belong together and are valid for `left` or longer."""
    try:
        private = serialization.load_pem_private_key(key, None)
    except (ValueError, TypeError):
        return None
    if not certificates or not isinstance(private, ec.EllipticCurvePrivateKey):
        return None
    certificate = certificates[0]
    same = certificate.public_key() == private.public_key()
    return _Pair(certificate, private) if same and certificate.not_valid_after_utc - now > left else None


def _serves(data: Mapping[str, bytes], authority: _Pair, hosts: list[str], now: datetime.datetime) -> bool:
    try:
        certificates = x509.load_pem_x509_certificates(data.get(CERTIFICATE, b""))
    except ValueError:
        return False
    pair = _usable(certificates[:1], data.get(KEY, b""), now, _LIFE / 3)
    if pair is None:
        return False
    try:
        pair.certificate.verify_directly_issued_by(authority.certificate)
        names = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return set(map(_general_name, hosts)) <= set(names)


def _new_authority(now: datetime.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # A serial number in the name tells two authorities apart: chains are built by name.
    name = _name(f"cryostat-operator webhooks {x509.random_serial_number():x}"[:64])
    builder = _builder(name, name, key, now, _CA_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(sign_certificates=True), critical=True)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return _Pair(builder.add_extension(identifier, critical=False).sign(key, hashes.SHA256()), key)


def _new_certificate(authority: _Pair, hosts: list[str], now: datetime.datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(hosts[0][:64]), authority.certificate.subject, key, now, _LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(sign_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(x509.SubjectAlternativeName(map(_general_name, hosts)), critical=False)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return _Pair(builder.add_extension(issuer, critical=False).sign(authority.key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
    life: datetime.timedelta,
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - _CLOCKS_DIFFER).not_valid_after(now + life)


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
