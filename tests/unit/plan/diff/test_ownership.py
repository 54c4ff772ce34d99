"""Which Cryostat an object belongs to."""

from __future__ import annotations

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.diff import ownership
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import FIELD_MANAGER, InstanceKey, Key
from tests.unit.plan.diff.objects import HASHED, LABELS, SERVICE, live, owner

INSTANCE = InstanceKey("here", "x")
WRITTEN = {"manager": FIELD_MANAGER, "fieldsV1": {"f:metadata": {}}}


@pytest.mark.parametrize(
    ("controller", "expected"),
    [(None, "owned"), (("u", "x"), "owned"), (("earlier", "x"), "terminating"), (("other", "y"), "foreign")],
)
def test_relation_to_the_cryostat_that_exists_now(controller: tuple[str, str] | None, expected: str) -> None:
    assert ownership.ownership_of(controller, INSTANCE, "u") == expected


def test_an_owner_reference_decides_before_labels() -> None:
    assert ownership.belongs_to(live(labels={}, ownerReferences=[owner()]), SERVICE, INSTANCE)
    assert not ownership.belongs_to(live(ownerReferences=[owner("y")]), SERVICE, INSTANCE)
    assert ownership.belongs_to(live(), SERVICE, INSTANCE)
    assert not ownership.belongs_to(live(labels={}), SERVICE, INSTANCE)


def test_a_name_decides_only_for_what_an_operator_wrote() -> None:
    assert not ownership.belongs_to(live(labels={}), HASHED, INSTANCE)
    assert ownership.belongs_to(live(labels={}, managedFields=[WRITTEN]), HASHED, INSTANCE)
    cluster_scoped = Key("ClusterRoleBinding", "", names.instance_hash_name("here", "x"))
    assert ownership.belongs_to(live(labels={}), cluster_scoped, INSTANCE)
    assert not ownership.belongs_to(live(labels={}, managedFields=[WRITTEN]), SERVICE, INSTANCE)


def test_an_object_that_was_copied_from_another_namespace_belongs_to_the_cryostat_of_that_name() -> None:
    """A tool that restores a backup into another namespace keeps labels and drops owner references."""
    elsewhere = {**LABELS, constants.LABEL_NAMESPACE: "former"}
    assert ownership.belongs_to(live(labels=elsewhere), SERVICE, INSTANCE)
    assert not ownership.belongs_to(live(labels={**elsewhere, constants.LABEL_NAME: "y"}), SERVICE, INSTANCE)
    assert not ownership.belongs_to(live(labels=elsewhere, ownerReferences=[owner("y")]), SERVICE, INSTANCE)
    # Objects of a Cryostat of another namespace that has this one as a target.
    theirs = Key("Secret", "here", names.ca_secret("former", "x"))
    assert not ownership.belongs_to(live(labels=elsewhere), theirs, INSTANCE)
    assert not ownership.belongs_to(live(labels=elsewhere), Key("Service", "apps", "x-database"), INSTANCE)


def test_lost_labels() -> None:
    assert ownership.has_lost_labels(live(labels={}, managedFields=[WRITTEN]), SERVICE, INSTANCE)
    assert not ownership.has_lost_labels(live(labels={}), SERVICE, INSTANCE)
    assert not ownership.has_lost_labels(live(managedFields=[WRITTEN]), SERVICE, INSTANCE)
    assert not ownership.has_lost_labels(
        live(labels={}, managedFields=[WRITTEN], ownerReferences=[owner("y")]), SERVICE, INSTANCE
    )


def test_the_controller_is_a_cryostat() -> None:
    assert ownership.controller_of(live(ownerReferences=[owner(uid="1")])) == ("1", "x")
    for other in (owner(controller=False), owner(kind="Deployment"), owner(apiVersion="example.com/v1")):
        assert ownership.controller_of(live(ownerReferences=[other])) is None
