"""One store that is filled from several namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.kube.reflector import NamespacedStore
from cryostat_operator.observe.namespaced_reflector import NamespacePart
from cryostat_operator.observe.owned_objects import OwnedObjects
from cryostat_operator.observe.pods import PodStore
from cryostat_operator.observe.reference_store import ReferenceStore
from cryostat_operator.plan.model.kinds import InstanceKey, Obj
from tests.unit.observe.objects import owned
from tests.unit.observe.triggers import RecordedTriggers

ONE, TWO = InstanceKey("one", "x"), InstanceKey("two", "x")


def service(namespace: str) -> Obj:
    labels = {"app.kubernetes.io/part-of": "cryostat"}
    return owned("x", labels={**labels, **ownership(namespace)}, metadata={"namespace": namespace})


def ownership(namespace: str) -> dict[str, str]:
    return {constants.LABEL_NAME: "x", constants.LABEL_NAMESPACE: namespace}


class OwnedServices:
    """The owned Services of two instances."""

    def __init__(self) -> None:
        self.owned = OwnedObjects(RecordedTriggers().triggers, lambda _: True)
        self.store: NamespacedStore = self.owned.store("Service")
        self.objects = [service("one"), service("two")]

    def known(self) -> set[str]:
        return {instance_key.namespace for instance_key in self.owned.instances()}


class Pods:
    """A failing pod of each of two instances."""

    def __init__(self) -> None:
        pods = PodStore(lambda _: None)
        self.pods, self.store = pods, pods
        self.objects = [pod("one"), pod("two")]

    def known(self) -> set[str]:
        return {each.namespace for each in (ONE, TWO) if self.pods.failures(each)}


class References:
    """A Secret that each of two instances refers to."""

    def __init__(self) -> None:
        self.references = ReferenceStore("Secret", lambda _: None)
        self.store: NamespacedStore = self.references
        self.objects = [owned("s", labels={}, metadata={"namespace": each}) for each in ("one", "two")]
        for instance_key, obj in zip((ONE, TWO), self.objects, strict=True):
            self.references.set_references(instance_key, {"s"})
            self.references.store(instance_key.namespace, "s", obj, 0)

    def known(self) -> set[str]:
        return {each.namespace for each in (ONE, TWO) if self.references.is_known(each.namespace, "s")}


def pod(namespace: str) -> Obj:
    labels = {"kind": "cryostat", "app": "x", "component": "database"}
    waiting = {"reason": "ImagePullBackOff", "message": "no"}
    status = {"phase": "Pending", "containerStatuses": [{"name": "c", "state": {"waiting": waiting}}]}
    metadata = {"name": "p", "namespace": namespace, "labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": metadata, "spec": {"containers": [{"name": "c", "image": "i"}]}, "status": status}


@pytest.fixture(params=[OwnedServices, Pods, References])
def case(request: pytest.FixtureRequest) -> Any:
    return request.param()


def test_a_list_of_one_namespace_drops_only_objects_of_this_namespace(case: Any) -> None:
    parts = {name: NamespacePart(case.store, name) for name in ("one", "two")}
    for obj in case.objects:
        part = parts[obj["metadata"]["namespace"]]
        part.begin_list()
        part.upsert(obj)
        part.end_list()
    assert case.known() == {"one", "two"}
    parts["one"].begin_list()
    parts["one"].end_list()
    assert case.known() == {"two"}
    parts["two"].remove(case.objects[1])
    assert case.known() == set()


def test_lists_of_two_namespaces_may_overlap(case: Any) -> None:
    one, two = (NamespacePart(case.store, name) for name in ("one", "two"))
    for part, obj in zip((one, two), case.objects, strict=True):
        part.upsert(obj)
    one.begin_list()
    two.begin_list()
    one.begin_list()  # the first attempt failed
    two.upsert(case.objects[1])
    two.end_list()
    assert case.known() == {"one", "two"}
    one.end_list()
    assert case.known() == {"two"}


def test_a_list_of_all_namespaces_drops_objects_of_each(case: Any) -> None:
    for obj in case.objects:
        case.store.upsert(obj)
    case.store.begin_list()
    case.store.upsert(case.objects[0])
    case.store.end_list()
    assert case.known() == {"one"}
