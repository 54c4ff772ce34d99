"""The public part of certificates in Secrets."""

from __future__ import annotations

import math

import pytest

from cryostat_operator.pki import authority, signing
from cryostat_operator.pki.inspection import MAX_CERTIFICATES, ca_common_name, inspect_secret, renewal_window
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import CertificateRequest
from tests.unit.pki.tls_secrets import CA, CA_REQUEST, DAY, NOW, encoded

REQUEST = CertificateRequest(Key("Secret", "n", "db"), "db", ("db",), frozenset({"server auth"}), CA_REQUEST.key)
CERTIFICATE = authority.issue_certificate(REQUEST, authority.CertificateAuthority.from_data(CA), None, NOW)


def test_a_certificate_and_its_ca() -> None:
    ca, leaf = inspect_secret(encoded(CA)), inspect_secret(encoded(CERTIFICATE))
    assert ca
    assert leaf
    info = leaf.info
    assert (info.common_name, info.dns_names, info.usages) == ("db", frozenset({"db"}), frozenset({"server auth"}))
    assert (info.is_ca, info.rsa, info.key_matches, info.pem) == (False, False, True, "")
    assert (info.issuer_id, info.trusted) == (ca.info.key_id, frozenset({ca.info.key_id}))
    assert set(info.digests) == {"tls.crt", "ca.crt"}
    assert ca.info.is_ca
    assert ca.info.pem.encode() == CA["ca.crt"]


def test_renewal_is_due_after_two_thirds_of_the_lifetime() -> None:
    leaf = inspect_secret(encoded(CERTIFICATE))
    assert leaf
    assert not leaf.at(NOW).renewal_due
    assert not leaf.at(NOW + 59 * DAY).renewal_due
    assert leaf.at(NOW + 65 * DAY).renewal_due
    assert leaf.at(NOW - 2 * DAY).renewal_due  # issued with a wrong clock
    certificate = signing.load_certificates(CERTIFICATE["tls.crt"])[0]
    assert renewal_window(certificate) == (leaf.valid_from, leaf.renew_at)


def test_a_certificate_expires_after_its_last_second() -> None:
    leaf = inspect_secret(encoded(CERTIFICATE))
    assert leaf
    end = signing.load_certificates(CERTIFICATE["tls.crt"])[0].not_valid_after_utc
    assert leaf.valid_until == end.timestamp() == NOW + signing.CERTIFICATE_LIFETIME
    assert leaf.info.not_after == end.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (leaf.at(NOW).expired, leaf.at(leaf.valid_until - 1).expired) == (False, False)
    assert leaf.at(leaf.valid_until - 1).renewal_due
    assert leaf.at(leaf.valid_until).expired
    assert leaf.at(leaf.valid_until).renewal_due


def test_cert_manager_should_have_renewed_a_certificate_ten_minutes_after_two_thirds_of_its_lifetime() -> None:
    leaf = inspect_secret(encoded(CERTIFICATE))
    assert leaf
    begins = leaf.valid_from + 300.0
    assert leaf.overdue_at - begins == pytest.approx((leaf.valid_until - begins) * 2 / 3 + 600.0, abs=1)
    assert not leaf.at(leaf.overdue_at - 1).renewal_overdue
    assert leaf.at(leaf.overdue_at).renewal_overdue
    assert not leaf.at(leaf.overdue_at).expired


def test_a_key_of_another_certificate() -> None:
    other = inspect_secret(encoded(CERTIFICATE, tls_key=CA["tls.key"]))
    assert other
    assert not other.info.key_matches
    without = {key: value for key, value in encoded(CERTIFICATE).items() if key != "tls.key"}
    found = inspect_secret(without)
    assert found
    assert found.info.key_matches


@pytest.mark.parametrize("junk", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"])
def test_content_that_cannot_be_read_satisfies_no_request(junk: bytes) -> None:
    found = inspect_secret(encoded(CERTIFICATE, tls_crt=junk))
    assert found
    assert not found.info.key_matches
    assert found.at(NOW).renewal_due
    assert (found.valid_until, found.at(NOW).expired) == (math.inf, False)
    assert inspect_secret({"tls.crt": "%"})
    assert inspect_secret({"ca.crt": "AA=="}) is None


def test_little_is_kept_of_a_secret_that_is_too_large() -> None:
    """Anyone who may create Secrets can add text to a valid certificate, and any number of keys."""
    found = inspect_secret(encoded(CA, ca_crt=b"x" * MAX_CERTIFICATES + CA["ca.crt"]))
    assert found
    assert (found.info.pem, found.info.trusted, found.info.key_matches) == ("", frozenset(), False)
    assert found.at(NOW).renewal_due
    more = inspect_secret(encoded(CA) | {f"key-{number}": "" for number in range(1_000)})
    assert more == inspect_secret(encoded(CA))


def test_only_a_ca_has_the_name_of_a_ca() -> None:
    assert ca_common_name(signing.load_certificates(CA["tls.crt"])[0]) == "cryostat-ca"
    assert ca_common_name(signing.load_certificates(CERTIFICATE["tls.crt"])[0]) is None
