"""IngressClasses: controllers, the default class, and when a change is reported."""

from __future__ import annotations

import pytest

from cryostat_operator.observe.ingress_classes import DEFAULT_ANNOTATION, IngressClassStore, ingress_classes
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.snapshot import IngressClasses


def ingress_class(name: str, controller: str = "example.com/c", *, created: str = "", default: str = "") -> Obj:
    annotations = {DEFAULT_ANNOTATION: default} if default else {}
    metadata = {"name": name, "creationTimestamp": created, "annotations": annotations}
    return {"metadata": metadata, "spec": {"controller": controller}}


def test_controllers_are_known_by_the_name_of_the_class() -> None:
    found = ingress_classes([ingress_class("a", "x"), {"metadata": {"name": "b"}}])
    assert found == IngressClasses({"a": "x", "b": ""})


@pytest.mark.parametrize(
    ("objects", "default"),
    [
        ([ingress_class("a")], ""),
        ([ingress_class("a", default="false")], ""),
        ([ingress_class("a"), ingress_class("b", default="true")], "b"),
        ([ingress_class("a", created="2026-01-01", default="true"), ingress_class("b", created="2026-01-02")], "a"),
        (
            [ingress_class(name, created=day, default="true") for name, day in (("a", "01"), ("b", "02"), ("c", "02"))],
            "b",
        ),
    ],
)
def test_the_default_class_is_that_of_the_api_server(objects: list[Obj], default: str) -> None:
    assert ingress_classes(objects).default == default


def test_changes_are_reported_once() -> None:
    changes: list[IngressClasses | None] = []
    store = IngressClassStore(lambda: changes.append(store.snapshot()))
    assert store.snapshot() is None
    for _ in range(2):
        store.begin_list()
        store.upsert(ingress_class("a"))
        assert len(changes) <= 1, "a list in progress changes nothing"
        store.end_list()
    store.upsert({**ingress_class("a"), "status": {}})
    assert changes == [IngressClasses({"a": "example.com/c"})]
    store.upsert(ingress_class("b", default="true"))
    store.remove(ingress_class("a"))
    assert changes[1:] == [
        IngressClasses({"a": "example.com/c", "b": "example.com/c"}, "b"),
        IngressClasses({"b": "example.com/c"}, "b"),
    ]
    store.begin_list()
    store.end_list()
    assert changes[-1] == IngressClasses()
