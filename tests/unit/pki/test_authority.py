"""The CA of the operator: lifetimes, renewal with jitter, successors, keystores."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import DNSName
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from cryostat_operator.pki import authority
from cryostat_operator.pki.inspection import InspectedCertificate, inspect_secret
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import CertificateRequest
from cryostat_operator.plan.tls.checks import reissue_reason

NOW = 1_800_000_000.0
DAY = 86400.0
AUTHORITY = CertificateRequest(Key("Secret", "n", "ca"), "cryostat-ca")
CERTIFICATE = CertificateRequest(
    Key("Secret", "n", "leaf"),
    "cryostat-db",
    ("db", "db.n.svc"),
    frozenset({"server auth", "client auth"}),
    AUTHORITY.key,
)


def inspected(data: authority.Data) -> InspectedCertificate:
    found = inspect_secret({key: base64.b64encode(value).decode() for key, value in data.items()})
    assert found
    return found


def reissue_reason_of(request: CertificateRequest, ca: authority.Data, leaf: authority.Data, now: float) -> str | None:
    known = {AUTHORITY.key: inspected(ca).at(now), CERTIFICATE.key: inspected(leaf).at(now)}
    return reissue_reason(request, known, None)


def issued(ca: authority.Data, now: float = NOW, request: CertificateRequest = CERTIFICATE) -> authority.Data:
    return authority.issue_certificate(request, authority.CertificateAuthority.from_data(ca), None, now)


@pytest.mark.parametrize("data", [{}, {"tls.crt": b"junk", "tls.key": b"junk"}])
def test_an_authority_without_its_key_is_refused(data: authority.Data) -> None:
    with pytest.raises(ValueError, match=r"^the Secret has no certificate with its key$"):
        authority.CertificateAuthority.from_data(data)


def load_certificate(data: authority.Data) -> x509.Certificate:
    return x509.load_pem_x509_certificate(data["tls.crt"])


def verified(leaf: authority.Data, trusted: bytes, now: float = NOW) -> bool:
    """Whether a TLS client that trusts only `trusted` accepts the certificate at this time."""
    store = Store(x509.load_pem_x509_certificates(trusted))
    verifier = PolicyBuilder().store(store).time(datetime.fromtimestamp(now, UTC)).build_server_verifier(DNSName("db"))
    try:
        verifier.verify(load_certificate(leaf), [])
    except VerificationError:
        return False
    return True


def test_an_authority_is_valid_for_ten_years_and_cannot_sign_another() -> None:
    certificate = load_certificate(authority.ensure_ca(AUTHORITY, {}, NOW))
    lifetime = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lifetime.days == 3650
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca, constraints.value.path_length) == (True, True, 0)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign


@pytest.mark.parametrize("rsa", [False, True])
def test_a_certificate_has_exactly_the_requested_properties(rsa: bool) -> None:
    ca, request = authority.ensure_ca(AUTHORITY, {}, NOW), replace(CERTIFICATE, rsa=rsa)
    leaf = issued(ca, request=request)
    assert reissue_reason_of(request, ca, leaf, NOW) is None
    assert verified(leaf, leaf["ca.crt"])
    assert (load_certificate(leaf).not_valid_after_utc - load_certificate(leaf).not_valid_before_utc).days == 90
    assert not load_certificate(leaf).extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    serials = {load_certificate(issued(ca)).serial_number for _ in range(8)} | {load_certificate(leaf).serial_number}
    assert len(serials) == 9
    assert all(64 < serial.bit_length() < 160 for serial in serials)  # at most 20 octets, and positive
    names = load_certificate(leaf).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["db", "db.n.svc"]
    purposes = load_certificate(leaf).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(purposes) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    usage = load_certificate(leaf).extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, rsa, False)
    assert leaf["tls.key"].startswith(b"-----BEGIN RSA PRIVATE KEY" if rsa else b"-----BEGIN EC PRIVATE KEY")


def test_renewal_begins_after_two_thirds_and_not_for_all_at_once() -> None:
    ca = authority.ensure_ca(AUTHORITY, {}, NOW)
    dues = [inspected(issued(ca)).renew_at - NOW for _ in range(20)]
    assert all(59.9 * DAY < due < 64.6 * DAY for due in dues)
    assert len({round(due) for due in dues}) > 15
    leaf = issued(ca)
    assert reissue_reason_of(CERTIFICATE, ca, leaf, NOW + 59 * DAY) is None
    assert reissue_reason_of(CERTIFICATE, ca, leaf, NOW + 65 * DAY) == "it is due for renewal"


def test_a_new_certificate_is_valid_for_slow_clocks() -> None:
    ca = authority.ensure_ca(AUTHORITY, {}, NOW)
    leaf = issued(ca)
    assert verified(leaf, leaf["ca.crt"], NOW - 3000)
    assert reissue_reason_of(CERTIFICATE, ca, leaf, NOW - 3000) is None


def test_a_certificate_from_the_future_is_issued_again() -> None:
    ca = authority.ensure_ca(AUTHORITY, {}, NOW)
    leaf = issued(ca, NOW + 1000 * DAY)
    assert reissue_reason_of(CERTIFICATE, ca, leaf, NOW) == "it is due for renewal"


def test_a_renewed_authority_and_its_predecessor_accept_the_same_certificates() -> None:
    old = authority.ensure_ca(AUTHORITY, {}, NOW)
    assert not inspected(old).at(NOW + 2400 * DAY).renewal_due
    later = NOW + 2700 * DAY
    assert inspected(old).at(later).renewal_due
    new = authority.ensure_ca(AUTHORITY, old, later)
    assert not inspected(new).at(later).renewal_due
    assert new["tls.key"] == old["tls.key"]
    assert new["ca.crt"] == new["tls.crt"] + old["tls.crt"]
    before, after = issued(old, later), issued(new, later)
    for leaf in (before, after):
        assert reissue_reason_of(CERTIFICATE, new, leaf, later) is None  # no certificate is reissued early
        assert all(verified(leaf, trusted, later) for trusted in (old["tls.crt"], new["tls.crt"], new["ca.crt"]))
    assert after["ca.crt"] == new["ca.crt"]


def test_a_former_authority_is_trusted_until_it_expires() -> None:
    old = authority.ensure_ca(AUTHORITY, {}, NOW)
    new = authority.ensure_ca(AUTHORITY, old, NOW + 2700 * DAY)
    assert not inspected(new).at(NOW + 3649 * DAY).renewal_due
    ended = NOW + 3651 * DAY
    assert inspected(new).at(ended).renewal_due
    alone = authority.ensure_ca(AUTHORITY, new, ended)
    assert alone["tls.crt"] == alone["ca.crt"] == new["tls.crt"]
    assert not inspected(alone).at(ended).renewal_due
    leaf = issued(alone, ended)
    assert verified(leaf, alone["ca.crt"], ended)
    assert not verified(leaf, old["ca.crt"], ended)


def test_an_authority_with_another_key_is_refused() -> None:
    theirs = authority.ensure_ca(replace(AUTHORITY, common_name="another"), {}, NOW)
    own = authority.ensure_ca(AUTHORITY, theirs, NOW)
    assert own["tls.key"] != theirs["tls.key"]
    assert own["ca.crt"] == own["tls.crt"]


def test_a_damaged_authority_is_replaced_and_its_certificate_is_trusted() -> None:
    old, other = authority.ensure_ca(AUTHORITY, {}, NOW), authority.ensure_ca(AUTHORITY, {}, NOW)
    new = authority.ensure_ca(AUTHORITY, {**old, "tls.key": other["tls.key"]}, NOW + DAY)
    assert new["tls.key"] not in (old["tls.key"], other["tls.key"])
    assert new["ca.crt"] == new["tls.crt"] + old["tls.crt"]
    assert reissue_reason_of(CERTIFICATE, new, issued(old, NOW), NOW + DAY) == "the certificate authority changed"
    kept = authority.ensure_ca(AUTHORITY, {**old, "ca.crt": b"rubbish"}, NOW + DAY)
    assert kept == old  # only the list of trusted certificates is lost


def test_certificates_expire_before_their_authority() -> None:
    ca = authority.ensure_ca(AUTHORITY, {}, NOW)
    leaf = issued(ca, NOW + 3600 * DAY)
    assert load_certificate(leaf).not_valid_after_utc == load_certificate(ca).not_valid_after_utc


def test_a_key_of_another_certificate_is_detected() -> None:
    ca = authority.ensure_ca(AUTHORITY, {}, NOW)
    leaf, other = issued(ca), issued(ca)
    assert (
        reissue_reason_of(CERTIFICATE, ca, {**leaf, "tls.key": other["tls.key"]}, NOW)
        == "its private key does not belong to it"
    )
    assert reissue_reason_of(CERTIFICATE, ca, {**leaf, "tls.key": b""}, NOW) == "its private key does not belong to it"
    assert (
        reissue_reason_of(CERTIFICATE, ca, {**leaf, "tls.crt": b"rubbish"}, NOW)
        == "its private key does not belong to it"
    )
    assert inspected({"tls.crt": ca["ca.crt"]}).at(NOW).key_matches  # a public copy


def test_facts_contain_no_secret() -> None:
    ca = authority.ensure_ca(AUTHORITY, {}, NOW)
    text = repr(inspected(ca)) + repr(inspected(issued(ca)))
    assert "PRIVATE" not in text


def test_keystores_contain_key_certificate_and_ca() -> None:
    ca, password = authority.ensure_ca(AUTHORITY, {}, NOW), b"0123456789abcdefghij"
    request = replace(CERTIFICATE, password=(Key("Secret", "n", "p"), "p"))
    data = authority.issue_certificate(request, authority.CertificateAuthority.from_data(ca), password, NOW)
    assert set(data) == request.keys
    key, certificate, others = pkcs12.load_key_and_certificates(data["keystore.p12"], password)
    assert key is not None
    assert (certificate, others) == (load_certificate(data), [load_certificate(ca)])
