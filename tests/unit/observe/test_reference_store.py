"""Summaries of the Secrets and ConfigMaps that instances refer to, and when they are read again."""

from __future__ import annotations

from typing import Any

from cryostat_operator.observe.reference_store import ReferenceNotifier, ReferenceStore
from cryostat_operator.plan.model.kinds import InstanceKey
from tests.unit.observe.objects import INSTANCE, owned

OTHER = InstanceKey("here", "y")


def secret(version: int = 1, **parts: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "here", "name": "s", "uid": "u", "resourceVersion": str(version)}, **parts}


def store(*users: InstanceKey) -> tuple[ReferenceStore, list[InstanceKey]]:
    enqueued: list[InstanceKey] = []
    references = ReferenceStore("Secret", enqueued.append)
    for user in users:
        references.set_references(user, {"s"})
    references.store("here", "s", secret(1, data={"k": "v"}), 0)
    return references, enqueued


def test_a_change_is_read_again_by_every_user() -> None:
    references, enqueued = store(INSTANCE, OTHER)
    assert references.is_known("here", "s")
    references.upsert(secret(1))
    assert (enqueued, references.is_known("here", "s")) == ([], True)
    references.upsert(secret(2))
    assert (set(enqueued), references.is_known("here", "s")) == ({INSTANCE, OTHER}, False)


def test_objects_that_no_instance_refers_to_are_not_kept() -> None:
    references, enqueued = store(INSTANCE)
    references.set_references(INSTANCE, set())
    assert not references.is_known("here", "s")
    references.upsert(secret(2))
    references.remove(secret(2))
    assert enqueued == []


def test_a_read_that_is_older_than_a_change_is_not_kept() -> None:
    references, _ = store(INSTANCE)
    revision = references.revision("here", "s")
    references.remove(secret(2))
    references.store("here", "s", secret(1), revision)
    assert not references.is_known("here", "s")
    references.store("here", "s", None, references.revision("here", "s"))
    assert references.summary("here", "s") is None


def test_an_object_that_a_list_does_not_contain_was_deleted() -> None:
    references, enqueued = store(INSTANCE)
    references.begin_list()
    references.upsert(secret(1))
    references.end_list()
    assert enqueued == []
    references.begin_list()
    references.end_list()
    assert enqueued == [INSTANCE]
    references.store("here", "s", None, references.revision("here", "s"))
    references.begin_list()
    references.end_list()
    assert enqueued == [INSTANCE]  # the store knows that it is missing


def test_the_content_is_not_kept() -> None:
    references, _ = store(INSTANCE)
    found = references.summary("here", "s")
    assert found
    assert found.keys == {"k"}
    assert references.metadata("here", "s") == {"metadata": {"labels": None, "ownerReferences": None}}


class Calls:
    def __init__(self) -> None:
        self.made: list[str] = []

    def upsert(self, obj: dict[str, Any]) -> None:
        self.made.append("upsert")

    def remove(self, obj: dict[str, Any]) -> None:
        self.made.append("remove")

    def begin_list(self, namespace: str = "") -> None:
        self.made.append("begin")

    def end_list(self, namespace: str = "") -> None:
        self.made.append("end")


def test_an_owned_object_is_reported_to_its_other_users() -> None:
    references, enqueued = store(INSTANCE, OTHER)
    calls = Calls()
    notifier = ReferenceNotifier(calls, references)
    notifier.begin_list()
    notifier.upsert(owned("s", 5))
    notifier.remove(owned("s", 6))
    notifier.end_list()
    assert calls.made == ["begin", "upsert", "remove", "end"]
    assert enqueued == [OTHER, OTHER]
