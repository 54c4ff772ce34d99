"""Keys and certificates."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from cryostat_operator.pki import signing
from cryostat_operator.pki.signing import DAY, CertificateTemplate, SigningPair

NOW = 1_800_000_000.0


@pytest.fixture(scope="module")
def ca() -> SigningPair:
    key = signing.new_key()
    return SigningPair(key, signing.sign_certificate(CertificateTemplate("ca"), key, NOW))


def seconds(certificate: x509.Certificate) -> tuple[float, float]:
    return certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()


def test_a_ca_may_sign_certificates_but_not_other_cas(ca: SigningPair) -> None:
    constraints = ca.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    assert seconds(ca.certificate) == (NOW - 3600, NOW + 3650 * DAY)
    ca.certificate.verify_directly_issued_by(ca.certificate)


@pytest.mark.parametrize("use_rsa", [False, True])
def test_a_certificate_is_signed_by_its_issuer(ca: SigningPair, use_rsa: bool) -> None:
    key = signing.new_key(use_rsa=use_rsa)
    names = (x509.DNSName("db"), x509.DNSName("db.n.svc"))
    template = CertificateTemplate("db", names, (ExtendedKeyUsageOID.SERVER_AUTH,), ca)
    found = signing.sign_certificate(template, key, NOW)
    found.verify_directly_issued_by(ca.certificate)
    assert seconds(found) == (NOW - 3600, NOW + 90 * DAY)
    extensions = found.extensions
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    alternative = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternative.get_values_for_type(x509.DNSName) == ["db", "db.n.svc"]
    usage = extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, use_rsa, False)


def test_a_certificate_expires_before_its_issuer(ca: SigningPair) -> None:
    late = NOW + 3649 * DAY
    found = signing.sign_certificate(CertificateTemplate("db", issuer=ca), signing.new_key(), late)
    assert found.not_valid_after_utc == ca.certificate.not_valid_after_utc


def test_pem_files(ca: SigningPair) -> None:
    pem, key = signing.certificates_pem([ca.certificate, ca.certificate]), signing.key_pem(ca.key)
    assert signing.load_certificates(pem) == [ca.certificate, ca.certificate]
    pair = signing.load_signing_pair(pem, key)
    assert pair
    assert pair.certificate == ca.certificate
    assert signing.load_signing_pair(pem, signing.key_pem(signing.new_key())) is None
    assert signing.load_signing_pair(b"", key) is None


@pytest.mark.parametrize("junk", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"])
def test_content_that_cannot_be_read(junk: bytes) -> None:
    assert signing.load_key(junk) is None
    assert signing.load_certificates(junk) == []
