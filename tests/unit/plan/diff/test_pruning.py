"""Which objects are pruned."""

from __future__ import annotations

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.diff.pruning import is_prunable
from cryostat_operator.plan.model.kinds import Key, Obj
from tests.unit.plan.diff.objects import HASHED, SERVICE, live, owner


@pytest.mark.parametrize(
    ("key", "found", "prunable"),
    [
        (SERVICE, live(ownerReferences=[owner()]), True),
        (SERVICE, live(ownerReferences=[owner(uid="other")]), False),
        (SERVICE, live(), False),  # any user can set the labels
        (HASHED, live(), True),
        (Key("PersistentVolumeClaim", "here", "x-database"), live(ownerReferences=[owner()]), False),
        (Key("Secret", "here", "x-db"), {**live(ownerReferences=[owner()]), "immutable": True}, False),
        (SERVICE, live(ownerReferences=[owner()], deletionTimestamp="now"), False),
        (Key("Secret", "here", "x-tls"), live(annotations={constants.ANNOTATION_ISSUER: "x-ca"}), True),
        (Key("Secret", "here", "x-tls"), live(annotations={constants.ANNOTATION_ISSUER: "other"}), False),
        (Key("Secret", "apps", "x-tls"), live(annotations={constants.ANNOTATION_ISSUER: "x-ca"}), False),
    ],
)
def test_only_objects_that_belong_to_the_instance_are_pruned(key: Key, found: Obj, prunable: bool) -> None:
    assert is_prunable(key, found, "u") is prunable


def test_a_secret_of_a_certificate_is_deleted_with_the_certificate() -> None:
    certificate = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "name": "x", "controller": True}
    found = live(annotations={constants.ANNOTATION_ISSUER: "x-ca"}, ownerReferences=[certificate])
    key = Key("Secret", "here", "x-tls")
    assert is_prunable(key, found, "u")
    assert not is_prunable(key, found, "")
