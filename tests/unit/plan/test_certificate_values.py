"""Certificates in Secrets that the application is to trust."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest

from cryostat_operator.observe.records import reference_summary
from cryostat_operator.plan.certificate_values import MAX_SIZE, certificate_keys
from cryostat_operator.plan.model.snapshot import ContentSummary
from tests.unit.cluster_state import ClusterState, cryostat

PEM = b"# a comment\n-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
TRUSTED = {"trustedCertSecrets": [{"secretName": "ca"}, {"secretName": "ca", "certificateKey": "other"}]}


@pytest.mark.parametrize(
    ("value", "is_certificate"),
    [
        (PEM, True),
        (PEM.replace(b"\n", b"\r\n"), True),
        (PEM.replace(b"CERTIFICATE", b"TRUSTED CERTIFICATE"), True),
        (PEM.replace(b"CERTIFICATE", b"X.509 CERTIFICATE"), True),
        (b"\x30\x82\x01", True),
        (b"x" * MAX_SIZE, True),
        (b"no certificate", False),
        (b"-----BEGIN PRIVATE KEY-----\n", False),
        (b"", False),
    ],
)
def test_a_certificate_in_pem_or_der_is_recognized(value: bytes, is_certificate: bool) -> None:
    encoded = base64.b64encode(value).decode()
    assert (certificate_keys({"a": encoded}) == {"a"}) is is_certificate


def test_a_value_that_is_not_in_base64_is_no_certificate() -> None:
    assert certificate_keys({"a": "!"}) == frozenset()


def test_the_summary_of_a_secret_has_the_keys_of_its_certificates() -> None:
    data = {"tls.crt": base64.b64encode(PEM).decode(), "tls.key": "YQ=="}
    secret = {"kind": "Secret", "metadata": {"name": "ca", "uid": "u"}, "data": data}
    assert reference_summary("Secret", secret).certificate_keys == frozenset({"tls.crt"})
    assert reference_summary("ConfigMap", {**secret, "data": {"a": "b"}}).certificate_keys is None


def test_a_trusted_value_without_a_certificate_is_reported() -> None:
    state = ClusterState(cryostat(TRUSTED)).settle()
    content = ContentSummary(frozenset({"tls.crt", "other"}), "d", certificate_keys=frozenset({"other"}))

    def found(summary: ContentSummary) -> list[str]:
        state.snapshot = replace(state.snapshot, data={**state.snapshot.data, ("Secret", "ca"): summary})
        return [each.message for each in state.plan.warnings if each.reason == "SecretValueInvalid"]

    assert found(content) == [
        "Key tls.crt of Secret ca contains no certificate. The application cannot trust it, and may fail to start. Set "
        "a certificate in PEM form, or correct spec.trustedCertSecrets[0]."
    ]
    assert found(replace(content, keys=frozenset({"other"}))) == []  # a missing key is another problem
    assert found(replace(content, certificate_keys=None)) == []
    assert not state.plan.blocked
