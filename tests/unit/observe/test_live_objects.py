"""The objects of one instance at one moment, which are parsed when they are used."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.observe.live_objects import LiveObjects
from cryostat_operator.observe.records import Record
from cryostat_operator.plan.model.kinds import Key
from tests.unit.observe.objects import INSTANCE, LOCK, cache, owned

SERVICE = Key("Service", "here", "x")
ABSENT = Key("ConfigMap", "here", "other")


def test_live_objects_do_not_change_with_the_cache() -> None:
    objects, _ = cache()
    objects.handle_event("ConfigMap", owned("x-lock", 1, data={"a": "1"}))
    live = objects.live(INSTANCE)
    objects.handle_event("ConfigMap", owned("x-lock", 2, data={"a": "2"}))
    assert live[LOCK]["data"] == {"a": "1"}
    assert live[LOCK] is live[LOCK]
    assert list(objects.live(INSTANCE, only=[])) == []


def records() -> dict[Key, Record]:
    objects, _ = cache()
    objects.handle_event("ConfigMap", owned("x-lock", 1, data={"a": "1"}))
    objects.handle_event("Service", owned("x", 2))
    return dict(objects.records(INSTANCE))


def test_all_records_are_objects() -> None:
    live = LiveObjects(records())
    assert (set(live), len(live)) == ({LOCK, SERVICE}, 2)
    assert LOCK in live
    assert ABSENT not in live
    with pytest.raises(KeyError):
        live[ABSENT]


def test_each_object_is_parsed_once_and_only_if_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[Record] = []
    found = records()
    original = vars(Record)["obj"].fget

    def counted(record: Record) -> Any:
        parsed.append(record)
        return original(record)

    monkeypatch.setattr(Record, "obj", property(counted))
    live = LiveObjects(found)
    assert (list(live), LOCK in live, parsed) == ([*found], True, [])
    for _ in range(2):
        assert live[LOCK]["data"] == {"a": "1"}
    assert parsed == [found[LOCK]]


def test_an_object_that_was_read_is_not_parsed() -> None:
    """Of a large object, the record has only a part of the metadata."""
    whole = {"metadata": {"name": "x-lock"}, "data": {"large": "x"}}
    assert LiveObjects(records(), {LOCK: whole})[LOCK] is whole
