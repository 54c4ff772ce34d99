"""Generation of secrets and their digests, without a cluster."""

from __future__ import annotations

import base64
import hashlib
import random

from cryostat_operator.observe.records import content_summary
from cryostat_operator.plan.model.requests import RandomValue
from cryostat_operator.reconcile.secret_values import generate_values
from tests.cluster.api import Object


def test_generated_values_cannot_be_reproduced_from_a_seed() -> None:
    seen = set()
    for _ in range(50):
        random.seed(7)
        seen.add(base64.b64decode(generate_values({"k": RandomValue(32)}, {})["k"]).decode())
    assert len(seen) == 50
    assert {len(value) for value in seen} == {32}
    assert (
        len(set("".join(seen))) == 64
    )  # 1,600 random characters of 64: the probability that one does not occur is below 10**-9


def secret(uid: str, value: str) -> Object:
    data = {"password": base64.b64encode(value.encode()).decode()}
    return {"metadata": {"name": "a", "namespace": "b", "uid": uid}, "data": data}


def test_guesses_cannot_be_tested_with_the_digest_of_a_secret() -> None:
    """The key is the UID, so equal passwords have different digests, and precomputed digests do not match."""
    found = content_summary(secret("one", "letmein")).digest
    assert found != content_summary(secret("two", "letmein")).digest
    assert found != content_summary(secret("one", "letmeout")).digest
    assert found == content_summary(secret("one", "letmein")).digest
    guesses = ("letmein", base64.b64encode(b"letmein").decode())
    plain = {algorithm(guess.encode()).hexdigest() for guess in guesses for algorithm in (hashlib.sha256, hashlib.md5)}
    assert found not in plain
