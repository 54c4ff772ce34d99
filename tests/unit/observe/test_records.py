"""What the operator keeps of an object: hashes, digests, and a part of its body."""

from __future__ import annotations

import base64
import hashlib
import random
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.observe.records import (
    MAX_BODY_BYTES,
    MAX_KEYS,
    content_summary,
    is_older,
    record_of,
    reference_summary,
    without_body,
)
from cryostat_operator.plan.diff.pruning import is_prunable
from cryostat_operator.plan.model.kinds import Key
from tests.unit.observe.objects import LABELS, owned


def deployment(**status: Any) -> dict[str, Any]:
    return owned("x", spec={"replicas": 1}, status=status)


def hashes(kind: str, obj: dict[str, Any]) -> tuple[bytes, bytes, bytes]:
    record = record_of(kind, obj, with_body=True)
    return record.spec_hash, record.status_hash, record.minor_status_hash


def changed(kind: str, one: dict[str, Any], other: dict[str, Any]) -> tuple[bool, bool, bool]:
    a, b = hashes(kind, one), hashes(kind, other)
    return a[0] != b[0], a[1] != b[1], a[2] != b[2]


def condition(type: str, status: str = "True", **more: str) -> dict[str, str]:
    return {"type": type, "status": status, **more}


def test_the_spec_hash_leaves_out_the_status_and_the_version() -> None:
    assert changed("Service", owned("x", 1, status={"a": 1}), owned("x", 2, status={"a": 2})) == (False, True, False)
    assert changed("Service", owned("x", spec={"a": 1}), owned("x", spec={"a": 2})) == (True, False, False)


def test_the_content_of_a_secret_is_in_its_spec_hash_but_not_in_its_body() -> None:
    one, other = owned("x-db", data={"KEY": "czNjcmV0"}), owned("x-db", data={"KEY": "b3RoZXI="})
    assert changed("Secret", one, other) == (True, False, False)
    record = record_of("Secret", one, with_body=True)
    assert "data" not in record.obj
    assert record.data
    assert record.data.keys == {"KEY"}


def test_an_empty_value_of_a_secret_is_a_missing_key() -> None:
    record = record_of("Secret", owned("x-db", data={"KEY": "", "OTHER": "YQ=="}), with_body=True)
    assert record.data
    assert record.data.keys == {"OTHER"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"replicas": 1}, {"replicas": 2}, (False, False, False)),
        ({"conditions": []}, {"conditions": [condition("Available")]}, (False, True, True)),
        (
            {"conditions": [condition("Progressing", reason="ReplicaSetUpdated")]},
            {"conditions": [condition("Progressing", reason="NewReplicaSetAvailable")]},
            (False, True, True),
        ),
        (
            {"conditions": [condition("Available", message="a")]},
            {"conditions": [condition("Available", message="b")]},
            (False, False, True),
        ),
        (
            {"conditions": [condition("Available", lastUpdateTime="1")]},
            {"conditions": [condition("Available", lastUpdateTime="2")]},
            (False, False, False),
        ),
    ],
)
def test_only_the_reported_part_of_a_rollout_is_a_status_change(before: Any, after: Any, expected: Any) -> None:
    assert changed("Deployment", deployment(**before), deployment(**after)) == expected


def large(name: str) -> dict[str, Any]:
    return owned(name, data={"x": random.Random(1).randbytes(200_000).hex()})


def test_a_large_body_is_not_kept() -> None:
    record = record_of("ConfigMap", large("x-lock"), with_body=True)
    assert record.is_partial
    assert len(record.body) < 1000 < MAX_BODY_BYTES
    assert record.data
    assert record.data.keys == {"x"}


def test_a_partial_body_has_all_fields_that_deletion_needs() -> None:
    annotations = {constants.ANNOTATION_ISSUER: "x-ca", "other": "y" * 1000}
    certificate = {"kind": "Certificate", "controller": True, "name": "x-tls", "uid": "c"}
    foreign = [{"kind": "Pod", "name": str(number), "uid": "p"} for number in range(100)]
    variants = [
        owned("x-tls"),
        owned("x-tls", immutable=True),
        owned("x-tls", metadata={"deletionTimestamp": "t"}),
        owned("x-tls", metadata={"annotations": annotations}),
        owned("x-tls", metadata={"ownerReferences": [*foreign, certificate], "annotations": annotations}),
        owned("x-tls", metadata={"ownerReferences": foreign}),
    ]
    found = []
    for obj in variants:
        partial = record_of("Secret", obj, with_body=False)
        assert partial.is_partial
        assert len(partial.body) < 500
        for uid in ("u", "v", ""):
            key = Key("Secret", "here", "x-tls")
            found.append(is_prunable(key, obj, uid))
            assert is_prunable(key, partial.obj, uid) == found[-1]
        assert partial.obj["metadata"]["labels"] == LABELS
    assert {True, False} == set(found)


def test_a_record_without_its_body_has_all_other_fields() -> None:
    whole = record_of("ConfigMap", owned("x-lock", data={"a": "b"}), with_body=True)
    partial = record_of("ConfigMap", owned("x-lock", data={"a": "b"}), with_body=False)
    assert without_body(whole) == partial
    assert whole != partial
    assert whole.spec_hash == partial.spec_hash


def test_of_a_secret_without_its_body_no_certificate_and_few_keys_are_kept() -> None:
    """Anyone who may create Secrets can create a thousand of them with the ownership labels."""
    few, many = ({"tls.crt": "AA==", **{f"k{number}": "AA==" for number in range(count)}} for count in (9, 99))
    whole = record_of("Secret", owned("x-tls", data=many), with_body=True)
    assert whole.certificate
    assert whole.data
    assert len(whole.data.keys) == 100
    for data, count in ((few, 10), (many, 0)):
        partial = record_of("Secret", owned("x-tls", data=data), with_body=False)
        assert partial.certificate is None
        assert partial.data
        assert (len(partial.data.keys), partial.data.has_too_many_keys) == (count, count == 0)
    assert without_body(whole).certificate is None


def test_values_of_a_users_secret_that_pods_cannot_use() -> None:
    data = {"users": base64.b64encode(b"alice:$apr1$x").decode(), "empty": ""}
    obj = {"metadata": {"uid": "1"}, "data": data}
    found = reference_summary("Secret", obj)
    assert (found.keys, found.empty) == (frozenset({"users"}), frozenset({"empty"}))
    assert found.login_flaws["users"] == ("has an MD5 hash in line 1", True)
    assert reference_summary("ConfigMap", obj) == content_summary(obj)


def test_white_space_in_a_secret_is_in_its_summary_without_the_value() -> None:
    value = base64.b64encode(b"hunter2\n").decode()
    secret = {"metadata": {"name": "s", "uid": "u"}, "data": {"CONNECTION_KEY": value}}
    summary = reference_summary("Secret", secret)
    assert summary.white_space == {"CONNECTION_KEY": "ends with a line break"}
    assert "hunter2" not in repr(summary)


def test_the_digest_of_content_depends_on_the_object() -> None:
    one, other = content_summary(owned("a", data={"k": "v"})), content_summary(owned("b", data={"k": "v"}))
    assert one.digest != other.digest
    assert content_summary(owned("a", binaryData={"k": "v"})).digest != one.digest


def test_guesses_cannot_be_tested_with_the_digest_of_a_secret() -> None:
    """The key is the UID, so equal passwords have different digests, and precomputed digests do not match."""

    def digest(uid: str, password: str) -> str:
        encoded = base64.b64encode(password.encode()).decode()
        secret = {"metadata": {"name": "a", "namespace": "b", "uid": uid}, "data": {"password": encoded}}
        return content_summary(secret).digest

    found = digest("one", "letmein")
    assert found != digest("two", "letmein")
    assert found != digest("one", "letmeout")
    assert found == digest("one", "letmein")
    guesses = ("letmein", base64.b64encode(b"letmein").decode())
    plain = {algorithm(guess.encode()).hexdigest() for guess in guesses for algorithm in (hashlib.sha256, hashlib.md5)}
    assert found not in plain


def test_versions_are_compared_as_numbers() -> None:
    assert is_older("9", "10")
    assert not is_older("10", "9")
    assert not is_older("10", "10")
    assert not is_older("x", "10")


def test_the_database_keys_of_a_secret_have_fingerprints_without_the_values() -> None:
    found = content_summary(owned("a", data={"CONNECTION_KEY": "cGFzcw==", "ENCRYPTION_KEY": "a2V5", "other": "eA=="}))
    assert set(found.fingerprints) == {"CONNECTION_KEY", "ENCRYPTION_KEY"}
    again = content_summary(owned("b", data={"CONNECTION_KEY": "cGFzcw==", "ENCRYPTION_KEY": "other"}))
    same = {key for key in found.fingerprints if again.fingerprints[key] == found.fingerprints[key]}
    assert same == {"CONNECTION_KEY"}, "a restored Secret has another UID"
    assert "fingerprints" not in repr(found)


@pytest.mark.parametrize(("replicas", "expected"), [(0, (False, True, False)), (1, (False, False, False))])
def test_the_end_of_the_pods_of_a_deployment_that_is_scaled_to_0_is_a_status_change(
    replicas: int, expected: tuple[bool, bool, bool]
) -> None:
    before, after = ({**deployment(replicas=number), "spec": {"replicas": replicas}} for number in (1, 0))
    assert changed("Deployment", before, after) == expected


def test_no_key_of_a_secret_with_very_many_is_kept() -> None:
    for keys in ([f"k{number}" for number in range(MAX_KEYS + 1)], ["k" * 200 + str(number) for number in range(100)]):
        obj = owned("a", data=dict.fromkeys(keys, ""))
        found = reference_summary("Secret", obj)
        assert (found.keys, found.empty, found.login_flaws) == (frozenset(), frozenset(), {})
        assert found.missing(["any"]) == frozenset()
    few = content_summary(owned("a", data=dict.fromkeys([f"k{number}" for number in range(MAX_KEYS)], "")))
    assert few.missing(["k0", "any"]) == {"any"}
