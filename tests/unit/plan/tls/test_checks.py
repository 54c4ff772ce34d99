"""Why a certificate is issued again, and when a copy is written again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.model.certificates import CertificateInfo
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.requests import CertificateRequest, CopyRequest
from cryostat_operator.plan.tls.checks import copy_differs, keystore_digest, reissue_reason

CA_KEY, KEY = Key("Secret", "here", "ca"), Key("Secret", "here", "certificate")
CA_REQUEST = CertificateRequest(CA_KEY, "cryostat-ca")
REQUEST = CertificateRequest(KEY, "db", ("db",), frozenset({"server auth"}), CA_KEY)
CA = CertificateInfo(
    CA_REQUEST.keys, common_name="cryostat-ca", is_ca=True, key_id="1", issuer_id="1", trusted=frozenset("1")
)
CERTIFICATE = CertificateInfo(
    REQUEST.keys,
    common_name="db",
    dns_names=frozenset({"db"}),
    usages=frozenset({"server auth"}),
    key_id="2",
    issuer_id="1",
    trusted=frozenset("1"),
)


def reason(request: CertificateRequest = REQUEST, live: Obj | None = None, **certificate: object) -> str | None:
    return reissue_reason(request, {CA_KEY: CA, KEY: replace(CERTIFICATE, **certificate)}, live)  # type: ignore[arg-type]


def test_a_certificate_as_requested_stays() -> None:
    assert reason() is None
    assert reissue_reason(CA_REQUEST, {CA_KEY: CA}, None) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"keys": frozenset({"tls.crt"})}, "it is missing or incomplete"),
        ({"key_matches": False}, "its private key does not belong to it"),
        ({"renewal_due": True}, "it is due for renewal"),
        ({"dns_names": frozenset({"other"})}, "its names, usages or key type differ from the request"),
        ({"rsa": True}, "its names, usages or key type differ from the request"),
        ({"issuer_id": "9"}, "the certificate authority changed"),
        ({"trusted": frozenset("12")}, "the certificate authority changed"),
    ],
)
def test_the_reason_to_issue_again(changes: dict[str, Any], expected: str) -> None:
    assert reason(**changes) == expected


def test_the_first_reason_counts() -> None:
    assert reason(renewal_due=True, key_matches=False) == "its private key does not belong to it"


def test_a_certificate_that_does_not_exist() -> None:
    assert reissue_reason(REQUEST, {CA_KEY: CA}, None) == "it is missing or incomplete"
    assert reissue_reason(REQUEST, {KEY: CERTIFICATE}, None) == "the certificate authority changed"


def test_a_ca_must_be_able_to_sign() -> None:
    for changes in ({"is_ca": False}, {"trusted": frozenset("9")}):
        found = {CA_KEY: replace(CA, **changes)}
        assert reissue_reason(CA_REQUEST, found, None) == "it is not a certificate authority"


def test_a_new_password_needs_new_keystores() -> None:
    request = replace(REQUEST, password=(Key("Secret", "here", "p"), "p"), password_digest="new")
    live: Obj = {"metadata": {"annotations": {constants.ANNOTATION_KEYSTORE_PASSWORD: "new"}}}
    assert reason(request, live, keys=request.keys) is None
    assert reason(request, None, keys=request.keys) == "the password of its keystore changed"
    assert keystore_digest({"metadata": {}}) == ""


def test_a_copy_follows_its_source() -> None:
    copy_key = Key("Secret", "apps", "certificate")
    request = CopyRequest(copy_key, KEY, {"tls.crt": "tls.crt", "tls.key": "tls.key"})
    source = replace(CERTIFICATE, digests={"tls.crt": "a", "ca.crt": "b"})
    same = replace(source, keys=frozenset({"tls.crt", "tls.key"}))
    assert not copy_differs(request, {KEY: source, copy_key: same})
    assert copy_differs(request, {KEY: source})
    assert copy_differs(request, {KEY: source, copy_key: replace(same, digests={"tls.crt": "other"})})
    assert copy_differs(request, {KEY: source, copy_key: replace(same, key_matches=False)})
    assert copy_differs(request, {KEY: source, copy_key: replace(same, keys=frozenset({"tls.crt"}))})
