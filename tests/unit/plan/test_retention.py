"""Which objects stay when their Cryostat is deleted."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan import retention
from cryostat_operator.plan.model.kinds import Key

OWNER = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "name": "x", "uid": "u"}
OTHER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "o"}


@pytest.mark.parametrize(("value", "expected"), [("Retain", True), ("retain", False), ("Delete", False)])
def test_retention_is_requested_by_annotation(value: str, expected: bool) -> None:
    assert retention.is_requested({constants.ANNOTATION_DATA_RETENTION: value}) is expected
    assert not retention.is_requested(None)


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("PersistentVolumeClaim", "x-database", True),
        ("Secret", "x-db", True),
        ("Secret", "x-storage", True),
        ("Secret", "x-tls", False),
        ("ConfigMap", "x-db", False),
    ],
)
def test_volumes_and_the_secrets_with_their_keys_hold_data(kind: str, name: str, expected: bool) -> None:
    assert retention.holds_data(Key(kind, "here", name), "x") is expected


def test_a_released_object_keeps_its_labels_and_other_owners() -> None:
    owners = [OWNER, OTHER]
    metadata = {"name": "x-db", "labels": {"a": "b"}, "ownerReferences": owners, "managedFields": [{}]}
    obj: dict[str, Any] = {"kind": "Secret", "metadata": metadata}
    released = retention.release(obj)
    assert released["metadata"] == {"name": "x-db", "labels": {"a": "b"}, "ownerReferences": [OTHER]}
    assert released["apiVersion"] == "v1"
    assert (retention.is_released(obj), retention.is_released(released)) == (False, True)
    assert obj["metadata"]["ownerReferences"] == owners
