"""Certificates that cert-manager should have renewed. The messages are in tests/situations.yaml."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.tls import renewals
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat

CERTIFICATE, SECRET = f"{NAME}-database", Key("Secret", NAMESPACE, f"{NAME}-database-tls")
READY = {"type": "Ready", "status": "True", "reason": "Ready"}
FAILED = {"type": "Issuing", "status": "False", "reason": "Failed", "message": "no"}


def state(*conditions: Any, overdue: bool = False, spec: Any = None) -> ClusterState:
    found = ClusterState(cryostat({"enableCertManager": True})).settle()
    live = found.snapshot.live[Key("Certificate", NAMESPACE, CERTIFICATE)]
    found.with_live({**live, "spec": {**live["spec"], **(spec or {})}, "status": {"conditions": [*conditions]}})
    return found.with_certificates({SECRET: replace(found.snapshot.certificates[SECRET], renewal_overdue=overdue)})


def warned(found: ClusterState) -> list[str]:
    return [each.message for each in renewals.warnings(found.instance)]


@pytest.mark.parametrize(
    ("issuing", "is_reported"),
    [
        ({}, False),
        ({**FAILED, "status": "True"}, False),
        ({**FAILED, "reason": "Issued"}, False),
        (FAILED, True),
    ],
)
def test_a_renewal_that_failed_is_a_warning_until_the_next_attempt(issuing: Any, is_reported: bool) -> None:
    assert bool(warned(state(READY, issuing))) == is_reported


def test_a_certificate_that_cannot_be_used_has_another_cause() -> None:
    assert warned(state({**READY, "status": "False"}, FAILED)) == []


def test_a_renewal_that_is_overdue_is_a_warning() -> None:
    assert warned(state(READY)) == []
    [text] = warned(state(READY, overdue=True))
    assert "was not renewed when it was due" in text
    assert len(warned(state(READY, FAILED, overdue=True))) == 1, "the failure says more"


@pytest.mark.parametrize("field", ["renewBefore", "renewBeforePercentage"])
def test_a_certificate_with_another_time_of_renewal_is_not_overdue(field: str) -> None:
    assert warned(state(READY, overdue=True, spec={field: "1h"})) == []


def test_the_operator_renews_its_own_certificates() -> None:
    found = state(READY, overdue=True)
    found.with_spec({})
    assert not [each for each in found.plan.warnings if each.reason == "CertificateNotRenewed"]
