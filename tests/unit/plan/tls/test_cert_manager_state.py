"""The state of each certificate that cert-manager issues, and which check decides it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.certificates import CertificateInfo
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.snapshot import ContentSummary, Snapshot
from cryostat_operator.plan.tls.cert_manager_state import CertificateState, ca_status, certificate_status
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, cryostat

CA_SECRET = names.ca_secret(NAMESPACE, NAME)
SECRET = f"{NAME}-database-tls"
CERTIFICATE = f"{NAME}-database"
KEYS = frozenset({"tls.crt", "tls.key", "ca.crt"})


def ready(generation: int = 1, **condition: object) -> Obj:
    found = {"type": "Ready", "status": "True", "observedGeneration": generation, **condition}
    return {"metadata": {"generation": 1}, "status": {"conditions": [found]}}


def secret(certificate: str | None) -> Obj:
    annotations = {constants.ANNOTATION_CERTIFICATE: certificate} if certificate else {}
    return {"metadata": {"annotations": annotations}}


def key(name: str, kind: str = "Secret") -> Key:
    return Key(kind, NAMESPACE, name)


def issued() -> Snapshot:
    """Everything is issued by the current CA."""
    return Snapshot(
        live={
            key(f"{NAME}-ca", "Certificate"): ready(),
            key(CERTIFICATE, "Certificate"): ready(),
            key(CA_SECRET): secret(f"{NAME}-ca"),
            key(SECRET): secret(CERTIFICATE),
        },
        certificates={
            key(CA_SECRET): CertificateInfo(KEYS, is_ca=True, key_id="ca", issuer_id="ca"),
            key(SECRET): CertificateInfo(KEYS, key_id="database", issuer_id="ca"),
        },
    )


def without(snapshot: Snapshot, *keys: Key) -> Snapshot:
    return replace(snapshot, live={k: v for k, v in snapshot.live.items() if k not in keys})


def with_live(snapshot: Snapshot, of: Key, obj: Obj) -> Snapshot:
    return replace(snapshot, live={**snapshot.live, of: obj})


def with_info(snapshot: Snapshot, of: Key, **changes: object) -> Snapshot:
    info = replace(snapshot.certificates[of], **changes)  # type: ignore[arg-type]
    return replace(snapshot, certificates={**snapshot.certificates, of: info})


def with_content(snapshot: Snapshot, certificate: str | None) -> Snapshot:
    return replace(snapshot, data={("Secret", SECRET): ContentSummary(KEYS, "digest", certificate)})


def instance(snapshot: Snapshot) -> Instance:
    return Instance(cryostat({"enableCertManager": True}), snapshot, Settings())


UNLABELED = without(issued(), key(SECRET))
CASES = {
    "as issued": (issued(), CertificateState.READY),
    "a Secret of another owner": (with_content(UNLABELED, ""), CertificateState.FOREIGN),
    "another Certificate's": (with_content(UNLABELED, "other"), CertificateState.FOREIGN),
    "unknown origin": (with_content(UNLABELED, None), CertificateState.ISSUING),
    "labels removed": (with_content(UNLABELED, CERTIFICATE), CertificateState.ISSUING),
    "of the built-in CA": (with_live(issued(), key(SECRET), secret(None)), CertificateState.STALE),
    "stale before requested": (
        without(with_live(issued(), key(SECRET), secret(None)), key(CERTIFICATE, "Certificate")),
        CertificateState.STALE,
    ),
    "no Certificate": (without(issued(), key(CERTIFICATE, "Certificate")), CertificateState.REQUESTED),
    "no condition": (with_live(issued(), key(CERTIFICATE, "Certificate"), {"metadata": {}}), CertificateState.ISSUING),
    "not ready": (
        with_live(issued(), key(CERTIFICATE, "Certificate"), ready(status="False")),
        CertificateState.ISSUING,
    ),
    "older generation": (
        with_live(issued(), key(CERTIFICATE, "Certificate"), ready(generation=0)),
        CertificateState.ISSUING,
    ),
    "no Secret": (UNLABELED, CertificateState.ISSUING),
    "a key is missing": (with_info(issued(), key(SECRET), keys=KEYS - {"ca.crt"}), CertificateState.ISSUING),
    "CA replaced": (with_info(issued(), key(CA_SECRET), key_id="new"), CertificateState.WRONG_ISSUER),
    "CA replaced, not ready": (
        without(with_info(issued(), key(CA_SECRET), key_id="new"), key(f"{NAME}-ca", "Certificate")),
        CertificateState.READY,
    ),
    "issuer unknown": (with_info(issued(), key(SECRET), issuer_id=""), CertificateState.READY),
}


MESSAGES = {
    "a Secret of another owner": (
        "Secret here/sample-database-tls exists and does not belong to this Cryostat, so it is not changed, and "
        "Certificate sample-database is not created. Delete the Secret, or give the Cryostat another name."
    ),
    "of the built-in CA": (
        "Certificate here/sample-database waits until the previous Secret sample-database-tls is deleted."
    ),
    "no Certificate": "Certificate here/sample-database does not exist yet; the operator creates it.",
    "no condition": "Certificate here/sample-database is not ready: cert-manager has not reported its status.",
    "a key is missing": (
        "Secret here/sample-database-tls of Certificate sample-database does not exist yet or lacks keys."
    ),
    "CA replaced": (
        "Certificate here/sample-database was signed by a certificate authority that no longer exists; "
        "it is issued again."
    ),
}


@pytest.mark.parametrize(("case", "message"), MESSAGES.items(), ids=MESSAGES)
def test_the_message_of_a_state(case: str, message: str) -> None:
    problem = certificate_status(instance(CASES[case][0]), CERTIFICATE, SECRET).problem
    assert problem
    assert problem.message == message


@pytest.mark.parametrize("case", CASES)
def test_state(case: str) -> None:
    snapshot, expected = CASES[case]
    status = certificate_status(instance(snapshot), CERTIFICATE, SECRET)
    assert status.state is expected
    assert (status.problem is None) == (expected is CertificateState.READY) == status.ready


@pytest.mark.parametrize(
    ("case", "blocks_certificate", "must_delete_secret"),
    [
        ("as issued", False, False),
        ("a Secret of another owner", True, False),
        ("of the built-in CA", True, True),
        ("no Certificate", False, False),
        ("not ready", False, False),
        ("CA replaced", False, True),
    ],
)
def test_a_state_decides_what_is_blocked_and_deleted(
    case: str, blocks_certificate: bool, must_delete_secret: bool
) -> None:
    status = certificate_status(instance(CASES[case][0]), CERTIFICATE, SECRET)
    assert (status.blocks_certificate, status.must_delete_secret) == (blocks_certificate, must_delete_secret)


def test_the_message_quotes_cert_manager() -> None:
    waiting = ready(status="False", message="Issuing certificate as Secret does not exist")
    status = certificate_status(
        instance(with_live(issued(), key(CERTIFICATE, "Certificate"), waiting)), CERTIFICATE, SECRET
    )
    assert status.problem
    assert status.problem.message == (
        f"Certificate {NAMESPACE}/{CERTIFICATE} is not ready: Issuing certificate as Secret does not exist."
    )


@pytest.mark.parametrize(
    ("conditions", "reason", "actionable"),
    [
        ([], "WaitingForCertificate", False),
        (
            [{"type": "Ready", "status": "False", "reason": "Expired", "message": "it ended"}],
            "CertificateExpired",
            True,
        ),
        (
            [
                {"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": "no Secret"},
                {"type": "Issuing", "status": "False", "reason": "Failed", "message": "it ended"},
            ],
            "CertificateFailed",
            True,
        ),
        (
            [
                {"type": "Ready", "status": "False", "reason": "DoesNotExist", "message": "no Secret"},
                {"type": "Issuing", "status": "False", "reason": "Issued", "message": "it was issued"},
            ],
            "WaitingForCertificate",
            False,
        ),
        ([{"type": "Issuing", "status": "True", "reason": "DoesNotExist"}], "WaitingForCertificate", False),
        (
            [{"type": "Ready", "status": "False", "reason": "Expired", "observedGeneration": 0}],
            "WaitingForCertificate",
            False,
        ),
    ],
)
def test_a_failure_of_cert_manager_is_no_wait(conditions: list[Obj], reason: str, actionable: bool) -> None:
    certificate = {"metadata": {"generation": 1}, "status": {"conditions": conditions}}
    snapshot = with_live(issued(), key(CERTIFICATE, "Certificate"), certificate)
    problem = certificate_status(instance(snapshot), CERTIFICATE, SECRET).problem
    assert problem
    assert (problem.reason, problem.actionable) == (reason, actionable)
    assert not actionable or "it ended" in problem.message


def test_a_certificate_that_is_not_created_yet_has_the_problem_of_the_authority_that_it_waits_for() -> None:
    absent = without(issued(), key(CERTIFICATE, "Certificate"))
    status = certificate_status(instance(absent), CERTIFICATE, SECRET)
    assert status.state == CertificateState.REQUESTED
    assert status.problem
    assert (
        status.problem.message == f"Certificate {NAMESPACE}/{CERTIFICATE} does not exist yet; the operator creates it."
    )
    waiting = with_live(absent, key(f"{NAME}-ca", "Certificate"), {"metadata": {}})
    status = certificate_status(instance(waiting), CERTIFICATE, SECRET)
    assert status.state == CertificateState.REQUESTED
    assert status.problem
    assert status.problem.message == (
        f"Certificate {NAMESPACE}/{NAME}-ca is not ready: cert-manager has not reported its status."
    )


def test_a_ca_secret_with_an_ordinary_certificate_does_not_recurse() -> None:
    assert ca_status(instance(with_info(issued(), key(CA_SECRET), is_ca=False, issuer_id="x"))).ready


KEYSTORE = f"{NAME}-tls"


def with_keystore(*, other_password: bool) -> Snapshot:
    """The certificate with a keystore is issued."""
    found = with_live(with_live(issued(), key(NAME, "Certificate"), ready()), key(KEYSTORE), secret(NAME))
    info = CertificateInfo(KEYS, key_id="tls", issuer_id="ca", has_other_password=other_password)
    return replace(found, certificates={**found.certificates, key(KEYSTORE): info})


def test_a_keystore_with_another_password_is_issued_again() -> None:
    status = certificate_status(instance(with_keystore(other_password=True)), NAME, KEYSTORE)
    assert (status.state, status.must_delete_secret) == (CertificateState.OTHER_PASSWORD, True)
    assert not status.blocks_certificate
    assert status.problem
    assert status.problem.message == (
        f"The keystore of Certificate {NAMESPACE}/{NAME} has another password than Secret {NAME}-keystore; "
        "the certificate is issued again."
    )
    assert certificate_status(instance(with_keystore(other_password=False)), NAME, KEYSTORE).ready
    issuing = with_live(with_keystore(other_password=True), key(NAME, "Certificate"), {"metadata": {}})
    assert certificate_status(instance(issuing), NAME, KEYSTORE).state is CertificateState.ISSUING
