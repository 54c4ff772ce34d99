"""The state of a Cryostat in a few words."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.summary import MAX_LENGTH, summary_of


def ready(reason: str, message: str, status: str = "False") -> list[dict[str, str]]:
    other = {"type": "Exposed", "status": "True", "reason": "AddressAssigned", "message": "x"}
    return [other, {"type": "Ready", "status": status, "reason": reason, "message": message}]


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        ("SecretNotFound", "Secret a does not exist. Create it.", "Secret a does not exist"),
        ("SecretNotFound", "Secret a does not exist (and 2 more).", "Secret a does not exist (and 2 more)"),
        (
            "NamespaceRecreated",
            "Namespace a was created again, so that b has no access.",
            "Namespace a was created again",
        ),
        ("SecretNotFound", "Secret a does not exist, but Deployment b needs it. Create it.", "Secret a does not exist"),
        ("SecretKeyNotFound", "Secret a lacks the key b, which Deployment c needs.", "Secret a lacks the key b"),
        ("VolumePending", "Claim a is not bound, without which Deployment c cannot start.", "Claim a is not bound"),
        (
            "NamespaceTerminating",
            "Namespace a is being deleted, and this Cryostat with it.",
            "Namespace a is being deleted",
        ),
        ("SecretNotFound", f"Secret {'a' * 60} does not exist.", "Secret not found"),
        ("QuotaExceeded", "Service a/x cannot be written: exceeded quota", "Service a/x: quota exceeded"),
        ("VolumeLost", f"PersistentVolumeClaim {'a' * 50} lost: x", "Volume lost"),
        ("DatabaseOutOfMemory", "Deployment x-database is not ready: container x-db", "Database out of memory"),
        ("InvalidSpec", "", "Invalid spec"),
        ("ApiServerUnknown", "", "API server unknown"),
        ("ApiNotServed", "Ingress a/x cannot be written: gone", "Ingress a/x: API not served"),
        ("TLSDisabled", "", "TLS disabled"),
    ],
)
def test_the_beginning_of_the_message_or_the_words_of_the_reason(reason: str, message: str, expected: str) -> None:
    assert summary_of(ready(reason, message)) == expected


def test_an_instance_that_is_ready() -> None:
    assert summary_of(ready("AllComponentsAvailable", "Cryostat is available at https://x", "True")) == "Available"


def test_there_is_always_a_short_summary() -> None:
    assert summary_of([]) == "Unknown"
    assert len(summary_of(ready("A" * 200, ""))) <= MAX_LENGTH
