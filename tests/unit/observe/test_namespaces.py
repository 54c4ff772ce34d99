"""The store of namespaces: which changes are reported."""

from __future__ import annotations

from cryostat_operator.api import constants
from cryostat_operator.observe.namespaces import NamespaceStore
from cryostat_operator.plan.model.snapshot import NamespaceState
from tests.cluster.api import Object


def namespace(name: str, annotations: dict[str, str] | None = None, **metadata: str) -> Object:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "annotations": annotations or {}, **metadata}}


def store() -> tuple[NamespaceStore, list[str]]:
    changed: list[str] = []
    return NamespaceStore(changed.append), changed


def test_only_relevant_changes_are_reported() -> None:
    namespaces, changed = store()
    groups = {constants.ANNOTATION_SUPPLEMENTAL_GROUPS: "1/2"}
    namespaces.upsert(namespace("a"))
    namespaces.upsert(namespace("a", {"other": "x"}))
    assert changed == ["a"]
    namespaces.upsert(namespace("a", {"other": "y", **groups}))
    namespaces.upsert(namespace("a", groups, deletionTimestamp="t"))
    assert changed == ["a"] * 3
    assert namespaces.snapshot(["a", "b"]) == {"a": NamespaceState(True, groups, "uid-a")}


def test_deleted_namespaces_are_removed() -> None:
    namespaces, changed = store()
    for name in ("a", "b", "c"):
        namespaces.upsert(namespace(name))
    namespaces.remove(namespace("a"))
    namespaces.remove(namespace("a"))
    namespaces.begin_list()
    namespaces.upsert(namespace("c"))
    namespaces.end_list()
    assert changed == ["a", "b", "c", "a", "b"]
    assert set(namespaces.snapshot(["a", "b", "c"])) == {"c"}


def test_a_namespace_that_was_created_again_has_changed() -> None:
    """The watch may have missed the deletion."""
    namespaces, changed = store()
    namespaces.upsert(namespace("a"))
    namespaces.upsert(namespace("a", uid="another"))
    assert changed == ["a", "a"]
    assert namespaces.snapshot(["a"])["a"].uid == "another"
