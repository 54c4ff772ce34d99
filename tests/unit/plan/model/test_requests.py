"""The keys that a requested Secret will have."""

from __future__ import annotations

from cryostat_operator.plan.model.certificates import KEYS, KEYSTORES
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import (
    CertificateRequest,
    CopyRequest,
    HtpasswdValue,
    NginxHeaderValue,
    RandomValue,
    SecretRequest,
    ValueSource,
)

SECRET, CA = Key("Secret", "here", "keys"), Key("Secret", "here", "ca")


def test_a_generated_secret_has_a_key_for_each_value() -> None:
    values: dict[str, ValueSource] = {
        "user": "admin",
        "password": RandomValue(20),
        "htpasswd": HtpasswdValue("admin", "password"),
        "header": NginxHeaderValue("Authorization", "password"),
    }
    request = SecretRequest(SECRET, values)
    assert request.keys == set(values)
    assert not request.restore_only


def test_only_a_certificate_with_a_password_has_keystores() -> None:
    plain = CertificateRequest(SECRET, "server", ca=CA)
    assert plain.keys == {"tls.crt", "tls.key", "ca.crt"}
    with_keystores = CertificateRequest(SECRET, "server", ca=CA, password=(Key("Secret", "here", "pass"), "p"))
    assert with_keystores.keys == KEYS == plain.keys | set(KEYSTORES)


def test_a_copy_has_its_own_keys_and_not_those_of_its_source() -> None:
    request = CopyRequest(SECRET, CA, {"tls.crt": "ca.crt"})
    assert request.keys == {"tls.crt"}
