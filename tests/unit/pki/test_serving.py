"""The serving certificate of the webhooks: generated once, kept while it is valid, renewed in time, always trusted."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509 as lib
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from cryostat_operator.pki import serving

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


HOSTS = ("webhooks.operators.svc", "webhooks.operators.svc.cluster.local")


DAY = datetime.timedelta(days=1)


def verify(data: dict[str, bytes], bundle: bytes, when: datetime.datetime, host: str = HOSTS[0]) -> None:
    store = Store(lib.load_pem_x509_certificates(bundle))
    verifier = PolicyBuilder().store(store).time(when).build_server_verifier(lib.DNSName(host))
    issued, *rest = lib.load_pem_x509_certificates(data[serving.CERTIFICATE])
    verifier.verify(issued, rest)


def test_the_certificate_is_generated_and_kept() -> None:
    data = serving.ensure_serving_certificate({}, HOSTS, NOW)
    for host in HOSTS:
        verify(data, data[serving.CA_BUNDLE], NOW, host)
    assert serving.ensure_serving_certificate(data, HOSTS, NOW + 59 * DAY) == data
    with pytest.raises(VerificationError):
        verify(data, data[serving.CA_BUNDLE], NOW, "other.operators.svc")


def test_renewed_by_the_same_authority_in_time() -> None:
    data = serving.ensure_serving_certificate({}, HOSTS, NOW)
    later = serving.ensure_serving_certificate(data, HOSTS, NOW + 61 * DAY)
    assert later[serving.CERTIFICATE] != data[serving.CERTIFICATE]
    assert later[serving.CA_BUNDLE] == data[serving.CA_BUNDLE]
    verify(later, later[serving.CA_BUNDLE], NOW + 100 * DAY)


def test_a_new_authority_trusts_certificates_of_the_old_one() -> None:
    data = serving.ensure_serving_certificate({}, HOSTS, NOW)
    when = NOW + datetime.timedelta(days=3650 - 179)
    last = serving.ensure_serving_certificate(data, HOSTS, when - 2 * DAY)
    assert last[serving.CA_BUNDLE] == data[serving.CA_BUNDLE]
    new = serving.ensure_serving_certificate(last, HOSTS, when)
    assert new[serving.CA_BUNDLE].endswith(data[serving.CA_BUNDLE])
    for each in (last, new):
        verify(each, new[serving.CA_BUNDLE], when)
    ended = serving.ensure_serving_certificate(new, HOSTS, when + 181 * DAY)
    assert len(lib.load_pem_x509_certificates(ended[serving.CA_BUNDLE])) >= 1
    verify(ended, ended[serving.CA_BUNDLE], when + 181 * DAY)


@pytest.mark.parametrize("key", [serving.CA_BUNDLE, serving.CA_KEY, serving.CERTIFICATE, serving.KEY])
@pytest.mark.parametrize("junk", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"])
def test_a_broken_certificate_is_generated_again(key: str, junk: bytes) -> None:
    data = serving.ensure_serving_certificate(
        {**serving.ensure_serving_certificate({}, HOSTS, NOW), key: junk}, HOSTS, NOW
    )
    verify(data, data[serving.CA_BUNDLE], NOW)
    assert serving.ensure_serving_certificate(data, HOSTS, NOW) == data


def test_a_key_of_another_certificate_is_not_used() -> None:
    one, two = (serving.ensure_serving_certificate({}, HOSTS, NOW) for _ in range(2))
    mixed = serving.ensure_serving_certificate({**one, serving.KEY: two[serving.KEY]}, HOSTS, NOW)
    assert mixed[serving.KEY] not in (one[serving.KEY], two[serving.KEY])
    other = serving.ensure_serving_certificate(
        {**one, serving.CERTIFICATE: two[serving.CERTIFICATE], serving.KEY: two[serving.KEY]}, HOSTS, NOW
    )
    verify(other, other[serving.CA_BUNDLE], NOW)


def test_further_hosts_need_another_certificate() -> None:
    data = serving.ensure_serving_certificate({}, HOSTS, NOW)
    more = serving.ensure_serving_certificate(data, (*HOSTS, "127.0.0.1"), NOW)
    assert more[serving.CERTIFICATE] != data[serving.CERTIFICATE]
    assert more[serving.CA_BUNDLE] == data[serving.CA_BUNDLE]
