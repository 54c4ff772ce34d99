"""What is written before a Cryostat may be deleted."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants
from cryostat_operator.plan.diff.teardown import teardown
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj

INSTANCE = InstanceKey("here", "x")
OWNER = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "name": "x", "uid": "u", "controller": True}
BINDING = Key("ClusterRoleBinding", "", names.instance_hash_name("here", "x"))
CLAIM = Key("PersistentVolumeClaim", "here", "x-database")
SECRET = Key("Secret", "here", "x-db")
SERVICE = Key("Service", "here", "x")


def live(key: Key, **metadata: Any) -> Obj:
    labels = {constants.LABEL_NAME: "x", constants.LABEL_NAMESPACE: "here"}
    own = [OWNER] if key.namespace else []
    return {"kind": key.kind, "metadata": {"uid": key.name, "labels": labels, "ownerReferences": own, **metadata}}


OBJECTS = {key: live(key) for key in (BINDING, CLAIM, SECRET, SERVICE)}


def test_only_what_garbage_collection_cannot_reach_is_deleted() -> None:
    [change] = teardown(INSTANCE, OBJECTS)
    assert (change.verb, change.key, change.uid) == ("delete", BINDING, BINDING.name)


def test_data_and_its_keys_are_released_on_request() -> None:
    changes = teardown(INSTANCE, OBJECTS, {constants.ANNOTATION_DATA_RETENTION: "Retain"})
    released = {change.key: change.obj for change in changes if change.verb == "replace"}
    assert set(released) == {CLAIM, SECRET}
    assert [obj["metadata"]["ownerReferences"] for obj in released.values() if obj] == [[], []]
    assert (
        teardown(INSTANCE, {CLAIM: live(CLAIM, ownerReferences=[])}, {constants.ANNOTATION_DATA_RETENTION: "Retain"})
        == []
    )


def test_another_value_retains_nothing() -> None:
    changes = teardown(INSTANCE, OBJECTS, {constants.ANNOTATION_DATA_RETENTION: "retain"})
    assert [change.verb for change in changes] == ["delete"]


def test_objects_in_the_namespace_of_an_orphaned_instance_stay() -> None:
    kept, deleted = (
        Key("RoleBinding", namespace, names.instance_hash_name("here", "x")) for namespace in ("here", "there")
    )
    objects = {**OBJECTS, kept: live(kept), deleted: live(deleted)}
    assert {change.key for change in teardown(INSTANCE, objects, orphaned=True)} == {BINDING, deleted}
    assert {change.key for change in teardown(INSTANCE, objects)} == {BINDING, kept, deleted}
