"""The UIDs that target namespaces had when the operator first knew a Cryostat with them."""

from __future__ import annotations

from cryostat_operator.observe.first_uids import FirstUids
from cryostat_operator.observe.namespaces import NamespaceStore
from cryostat_operator.plan.model.kinds import InstanceKey

KEY = InstanceKey("here", "x")


def stores(**uids: str) -> tuple[NamespaceStore, FirstUids]:
    namespaces = NamespaceStore(lambda _: None)
    for name, uid in uids.items():
        namespaces.upsert({"metadata": {"name": name, "uid": uid}})
    return namespaces, FirstUids(namespaces)


def test_the_first_uid_stays_while_the_namespace_is_a_target() -> None:
    namespaces, first = stores(shop="s1")
    first.update(KEY, "u", ["shop", "late"])
    assert first.of(KEY, "u") == {"shop": "s1"}
    namespaces.remove({"metadata": {"name": "shop"}})
    first.update(KEY, "u", ["shop", "late"])
    for name, uid in (("shop", "s2"), ("late", "l1")):
        namespaces.upsert({"metadata": {"name": name, "uid": uid}})
    first.update(KEY, "u", ["shop", "late"])
    assert first.of(KEY, "u") == {"shop": "s1", "late": "l1"}
    first.update(KEY, "u", ["late"])
    first.update(KEY, "u", ["shop", "late"])  # adding it again needs another review
    assert first.of(KEY, "u") == {"shop": "s2", "late": "l1"}


def test_another_cryostat_of_the_same_name_has_its_own() -> None:
    namespaces, first = stores(shop="s1")
    first.update(KEY, "u", ["shop"])
    namespaces.upsert({"metadata": {"name": "shop", "uid": "s2"}})
    assert first.of(KEY, "v") == {}
    first.update(KEY, "v", ["shop"])
    assert first.of(KEY, "v") == {"shop": "s2"}
    first.forget(KEY)
    assert first.of(KEY, "v") == {}


def test_a_namespace_that_is_listed_after_the_cryostat_is_noted_at_once() -> None:
    namespaces, first = stores()
    first.namespace_changed(KEY, "shop")
    first.update(KEY, "u", ["shop"])
    for uid in ("s1", "s2"):
        namespaces.upsert({"metadata": {"name": "shop", "uid": uid}})
        first.namespace_changed(KEY, "shop")
    assert first.of(KEY, "u") == {"shop": "s1"}
