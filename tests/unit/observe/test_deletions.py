"""Deleted objects: stale responses are ignored, and those that another client deleted are known."""

from __future__ import annotations

import pytest

from cryostat_operator.observe.deletions import MAX_REMEMBERED
from tests.unit.observe.objects import INSTANCE, LOCK, cache, owned


def test_a_stale_response_does_not_restore_a_deleted_object() -> None:
    objects, recorded = cache()
    objects.store("ConfigMap").remove(owned("x-lock", 10))
    objects.record_write("ConfigMap", owned("x-lock", 9))
    assert objects.records(INSTANCE) == {}
    objects.handle_event("ConfigMap", owned("x-lock", 11))  # its labels were restored
    assert LOCK in objects.records(INSTANCE)
    for number in range(MAX_REMEMBERED):
        objects.deletions.add_tombstone(owned(f"o{number}"))
    objects.record_write("Secret", owned("x-db", 3, uid="o0"))
    assert recorded.now == [INSTANCE]


def test_a_deletion_by_another_client_is_remembered_until_the_object_exists_again() -> None:
    objects, _ = cache()
    store = objects.store("ConfigMap")
    objects.handle_event("ConfigMap", owned("x-lock", 1))
    store.remove(owned("x-lock", 2))
    assert objects.deletions.by_others(INSTANCE) == {LOCK: "u"}, "with the UID of its owner"
    objects.record_write("ConfigMap", owned("x-lock", 3, uid="second"))
    assert objects.deletions.by_others(INSTANCE) == {}
    store.remove(owned("x-lock", 4, uid="second"))
    objects.deletions.forget_by_others(INSTANCE)
    assert objects.deletions.by_others(INSTANCE) == {}


@pytest.mark.parametrize("first", ["event", "response"])
def test_a_deletion_by_the_operator_is_not_one_by_another_client(first: str) -> None:
    objects, _ = cache()
    obj = owned("x-lock", 1)
    objects.handle_event("ConfigMap", obj)
    if first == "event":
        objects.store("ConfigMap").remove(owned("x-lock", 2))
    objects.deletions.add_own(INSTANCE, LOCK, obj["metadata"]["uid"])
    objects.store("ConfigMap").remove(owned("x-lock", 2))
    assert objects.deletions.by_others(INSTANCE) == {}


def test_deletions_of_objects_that_the_operator_does_not_create_are_not_remembered() -> None:
    objects, _ = cache()
    objects.handle_event("ConfigMap", owned("other", 1))
    objects.store("ConfigMap").remove(owned("other", 2))
    assert objects.deletions.by_others(INSTANCE) == {}


def test_a_limited_number_of_deletions_is_remembered() -> None:
    objects, _ = cache()
    for number in range(MAX_REMEMBERED + 1):
        name = f"cryostat-agent-{number:064x}"
        objects.handle_event("Secret", owned(name, 1, uid=name))
        objects.store("Secret").remove(owned(name, 2, uid=name))
    assert len(objects.deletions.by_others(INSTANCE)) == MAX_REMEMBERED


def test_deletions_are_not_remembered_without_the_cryostat() -> None:
    objects, _ = cache(exists=False)
    objects.handle_event("ConfigMap", owned("x-lock", 1))
    objects.store("ConfigMap").remove(owned("x-lock", 2))
    assert objects.deletions.by_others(INSTANCE) == {}
