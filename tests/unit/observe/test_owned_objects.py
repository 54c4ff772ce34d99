"""The cache of owned objects: which events enqueue which instance, and which bodies are kept."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cryostat_operator.api.constants import LABEL_NAME, LABEL_NAMESPACE
from cryostat_operator.observe import owned_objects
from cryostat_operator.observe.owned_objects import OwnedObjects
from cryostat_operator.observe.triggers import MINOR_STATUS_DELAY, ROLLOUT_DELAY
from cryostat_operator.plan.model.kinds import InstanceKey, Key
from cryostat_operator.plan.model.names import ca_secret, sha256
from tests.unit.observe.objects import INSTANCE, LABELS, LOCK, cache, owned
from tests.unit.observe.triggers import RecordedTriggers


def test_an_event_enqueues_and_a_write_does_not() -> None:
    objects, recorded = cache()
    objects.record_write("ConfigMap", owned("x-lock", 1))
    assert recorded.now == []
    objects.handle_event("ConfigMap", owned("x-lock", 1))
    assert recorded.now == []  # observed in the response
    objects.handle_event("ConfigMap", owned("x-lock", 2, data={"a": "b"}))
    assert recorded.now == [INSTANCE]
    assert objects.live(INSTANCE)[LOCK]["data"] == {"a": "b"}


def test_an_older_version_is_ignored() -> None:
    objects, recorded = cache()
    objects.handle_event("ConfigMap", owned("x-lock", 10))
    recorded.clear()
    objects.record_write("ConfigMap", owned("x-lock", 9, data={"a": "b"}))
    objects.handle_event("ConfigMap", owned("x-lock", 9, data={"a": "b"}))
    assert objects.records(INSTANCE)[LOCK].version == "10"
    assert recorded.now == []


def test_status_changes_of_a_rollout_are_delayed_and_minor_ones_longer() -> None:
    objects, recorded = cache()

    def deployment(version: int, message: str, **more: str) -> dict[str, Any]:
        conditions = [{"type": "Available", "status": "True", "message": message}]
        conditions += [{"type": "ReplicaFailure", "status": "True"}] if more else []
        return owned("x", version, status={"conditions": conditions})

    objects.handle_event("Deployment", deployment(1, "a"))
    recorded.clear()
    objects.handle_event("Deployment", deployment(2, "b"))
    assert recorded.later == [(INSTANCE, MINOR_STATUS_DELAY)]
    objects.handle_event("Deployment", deployment(3, "b", failed="yes"))
    assert recorded.later[1:] == [(INSTANCE, ROLLOUT_DELAY)]
    assert recorded.now == []


def test_a_status_change_outside_a_rollout_enqueues_at_once() -> None:
    objects, recorded = cache()
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    objects.handle_event("Certificate", owned("x", 1, status={}))
    recorded.clear()
    objects.handle_event("Certificate", owned("x", 2, status={"conditions": [{"type": "Ready", "status": "False"}]}))
    assert (recorded.now, recorded.later) == ([], [(INSTANCE, ROLLOUT_DELAY)])
    objects.handle_event("Certificate", owned("x", 3, status=ready))
    assert recorded.now == [INSTANCE]


def test_an_object_is_in_sync_until_its_spec_changes() -> None:
    objects, _ = cache()
    objects.handle_event("ConfigMap", owned("x-lock", 1))
    objects.mark_in_sync(INSTANCE, {LOCK: b"desired"})
    objects.handle_event("ConfigMap", owned("x-lock", 2, status={"a": 1}))
    assert objects.records(INSTANCE)[LOCK].in_sync_with == b"desired"
    objects.mark_in_sync(INSTANCE, {})
    assert objects.records(INSTANCE)[LOCK].in_sync_with == b"desired"
    objects.handle_event("ConfigMap", owned("x-lock", 3, data={"a": "b"}))
    assert objects.records(INSTANCE)[LOCK].in_sync_with == b""


def test_edited_labels_assign_an_object_to_another_instance() -> None:
    objects, recorded = cache()
    objects.handle_event("ConfigMap", owned("x-lock", 1))
    recorded.clear()
    other = InstanceKey("here", "y")
    objects.handle_event("ConfigMap", owned("x-lock", 2, labels={**LABELS, LABEL_NAME: "y"}))
    assert (recorded.now, objects.instances()) == ([INSTANCE, other], [other])
    # A Cryostat of another namespace cannot own it.
    objects.handle_event("ConfigMap", owned("x-lock", 3, labels=dict.fromkeys(LABELS, "z")))
    assert (recorded.now, objects.instances()) == ([INSTANCE, other, other], [])


def test_objects_of_others_in_other_namespaces_cause_no_reconcile() -> None:
    objects, recorded = cache()
    for version, name in enumerate(("x-lock", "x", "other", ca_secret(*INSTANCE)), 1):
        forged = owned(name, version)
        forged["metadata"]["namespace"] = "there"
        objects.store("ConfigMap").upsert(forged)
        objects.store("ConfigMap").remove(forged)
    assert (recorded.now, objects.instances()) == ([], [])
    copied = owned(ca_secret(*INSTANCE), 9)
    copied["metadata"]["namespace"] = "there"
    objects.store("Secret").upsert(copied)
    assert recorded.now == [INSTANCE]


def test_a_list_removes_objects_that_it_does_not_contain() -> None:
    objects, recorded = cache()
    store = objects.store("ConfigMap")
    for name in ("x-lock", "x-agent-proxy"):
        store.upsert(owned(name))
    objects.handle_event("Service", owned("x"))
    recorded.clear()
    store.begin_list()
    store.upsert(owned("x-lock"))
    store.end_list()
    assert set(objects.records(INSTANCE)) == {LOCK, Key("Service", "here", "x")}
    assert recorded.now == [INSTANCE]


def test_the_deletion_of_an_earlier_object_of_the_same_name_is_ignored() -> None:
    objects, recorded = cache()
    objects.handle_event("ConfigMap", owned("x-lock", 5, uid="new"))
    recorded.clear()
    objects.store("ConfigMap").remove(owned("x-lock", 4, uid="old"))
    assert LOCK in objects.records(INSTANCE)
    assert recorded.now == []


# --- bounded memory --------------------------------------------------------------------------------------------------


def large(name: str, version: int = 1) -> dict[str, Any]:
    return owned(name, version, data={"x": random.Random(name).randbytes(300_000).hex()})


def size(objects: OwnedObjects) -> int:
    return sum(len(r.body) for i in objects.instances() for r in objects.records(i).values())


def test_bodies_of_objects_without_a_cryostat_are_not_kept() -> None:
    objects, _ = cache(exists=False)
    objects.handle_event("ConfigMap", owned("x-lock", data={"a": "b"}))
    assert "data" not in objects.live(INSTANCE)[LOCK]
    assert objects.incomplete(INSTANCE) == [LOCK]


def test_bodies_of_objects_that_no_plan_can_contain_are_not_kept() -> None:
    objects, _ = cache()
    for number in range(50):
        objects.handle_event("ConfigMap", large(f"x-{number}"))
    assert size(objects) < 50 * 1000
    assert objects.incomplete(INSTANCE) == []


def test_large_bodies_are_read_again_and_not_kept() -> None:
    objects, recorded = cache()
    obj = large("x-lock")
    objects.handle_event("ConfigMap", obj)
    recorded.clear()
    assert objects.incomplete(INSTANCE) == [LOCK]
    objects.record_read("ConfigMap", obj)
    assert objects.incomplete(INSTANCE) == [LOCK]
    assert objects.live(INSTANCE, read={LOCK: obj})[LOCK] == obj
    assert size(objects) < 1000
    assert recorded.now == []


def test_a_body_that_was_read_is_kept_once_the_cryostat_exists() -> None:
    existing: set[InstanceKey] = set()
    recorded = RecordedTriggers()
    objects = OwnedObjects(recorded.triggers, existing.__contains__)
    obj = owned("x-lock", data={"a": "b"})
    objects.handle_event("ConfigMap", obj)
    objects.mark_in_sync(INSTANCE, {LOCK: b"desired"})
    existing.add(INSTANCE)
    recorded.clear()
    objects.record_read("ConfigMap", obj)
    assert objects.incomplete(INSTANCE) == []
    assert objects.records(INSTANCE)[LOCK].in_sync_with == b"desired"
    assert objects.live(INSTANCE)[LOCK]["data"] == {"a": "b"}
    assert recorded.now == []
    objects.discard_bodies(INSTANCE)
    assert objects.incomplete(INSTANCE) == [LOCK]


def test_objects_count_towards_the_limit_only_while_their_cryostat_does_not_exist(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(owned_objects, "MAX_UNOWNABLE", 1)
    existing: set[InstanceKey] = set()
    objects = OwnedObjects(RecordedTriggers().triggers, existing.__contains__)
    objects.handle_event("ConfigMap", owned("x-lock", 1))
    existing.add(INSTANCE)
    objects.record_read("ConfigMap", owned("x-lock", 1))
    objects.handle_event("ConfigMap", owned("other-1", 1, uid="u1"))
    assert len(objects.records(INSTANCE)) == 2
    objects.remove(INSTANCE, Key("ConfigMap", "here", "other-1"))
    existing.clear()
    objects.discard_bodies(INSTANCE)
    objects.handle_event("ConfigMap", owned("other-2", 1, uid="u2"))
    assert len(objects.records(INSTANCE)) == 1


def test_a_read_that_is_newer_than_the_cache_is_an_event() -> None:
    objects, recorded = cache(exists=False)
    objects.handle_event("ConfigMap", owned("x-lock", 1))
    recorded.clear()
    objects.record_read("ConfigMap", owned("x-lock", 2, data={"a": "b"}))
    assert recorded.now == [INSTANCE]


@pytest.mark.parametrize("labels", [{LABEL_NAME: ""}, {LABEL_NAMESPACE: ""}, {LABEL_NAME: "", LABEL_NAMESPACE: ""}])
def test_empty_ownership_labels_name_no_cryostat(labels: dict[str, str]) -> None:
    """Otherwise, the operator would read all Cryostats at once to find out whether this one exists."""
    objects, recorded = cache(exists=False)
    obj = owned("cryostat-" + sha256("/"), 1)
    obj["metadata"]["labels"] = {**LABELS, **labels}
    objects.handle_event("ConfigMap", obj)
    assert objects.instances() == recorded.now == []


def test_a_limited_number_of_objects_that_no_cryostat_can_own_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anyone can create any number of small objects with the labels of some Cryostat, or of no Cryostat."""
    monkeypatch.setattr(owned_objects, "MAX_UNOWNABLE", 3)
    objects, recorded = cache(exists=True)
    store = objects.store("ConfigMap")
    for number in range(5):
        store.upsert(owned(f"other-{number}", 1, uid=f"u{number}"))
    assert len(objects.records(INSTANCE)) == len(recorded.now) == 3
    store.upsert(owned("x-lock", 1))
    assert LOCK in objects.records(INSTANCE), "what a Cryostat can own does not count"
    store.upsert(owned("other-0", 2, uid="u0", data={"a": "b"}))
    assert objects.records(INSTANCE)[Key("ConfigMap", "here", "other-0")].version == "2"
    store.remove(owned("other-0", 3, uid="u0"))
    store.upsert(owned("other-4", 4, uid="u4"))
    assert len(objects.records(INSTANCE)) == 4
    store.begin_list()
    store.end_list()
    assert objects._unownable == {}
