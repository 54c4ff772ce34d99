"""What an earlier release made for an instance, and this one does not ask for, is taken over and cleared away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cryostat_operator.desired import names
from cryostat_operator.desired.plan import KINDS
from tests.cluster.api import Object, eventually
from tests.cluster.cert_manager import CertManager
from tests.cluster.controlplane import ControlPlane
from tests.cluster.router import RoutePlayer
from tests.cluster.scenario import Scenario, bindings_of, mark_of
from tests.cluster.test_loop_collisions import CLAIM, CONTENT

NAME = "of-an-earlier-release"
ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME}
OBJECTS: dict[str, dict[str, Any]] = {
    **CONTENT,
    "Route": {"spec": {"to": {"kind": "Service", "name": NAME}}},
    "Role": {"rules": []},
    "RoleBinding": {"roleRef": ROLE, "subjects": []},
    "Issuer": {"spec": {"selfSigned": {}}},
    "Certificate": {"spec": {"secretName": NAME, "issuerRef": {"name": NAME}}},
}


@pytest.fixture
def with_cert_manager(openshift_plane: ControlPlane) -> Iterator[None]:
    """Its kinds are known; nobody acts on them."""
    manager = CertManager(openshift_plane)
    manager.define()
    yield
    manager.uninstall()


@pytest.mark.usefixtures("with_cert_manager", "router")
def test_leftovers_of_every_kind_go_and_data_stays(openshift_world: Scenario) -> None:
    world = openshift_world
    assert set(OBJECTS) == {kind for kind, row in KINDS.items() if row.namespaced}
    with world.down():
        where = world.namespace()
        cr = world.cryostat(where, metadata={"finalizers": [names.FINALIZER]})
        for kind, content in OBJECTS.items():
            world.make(kind, where, NAME, metadata={"ownerReferences": [reference(cr)]}, **content)
    world.ready(cr)

    def left() -> list[str]:
        return [kind for kind in OBJECTS if world.find(kind, where, NAME)]

    eventually(lambda: left() == ["PersistentVolumeClaim"], what="all is gone but the data")
    claim = world.get("PersistentVolumeClaim", where, NAME)
    assert claim["spec"]["resources"] == CLAIM["resources"]
    assert mark_of(cr).items() <= claim["metadata"]["labels"].items()
    world.settle()
    assert left() == ["PersistentVolumeClaim"]


def reference(cr: Object) -> Object:
    """The owner reference that the Go operator sets."""
    meta = cr["metadata"]
    head = {"apiVersion": names.API_VERSION, "kind": names.KIND, "name": meta["name"], "uid": meta["uid"]}
    return {**head, "controller": True, "blockOwnerDeletion": True}


def test_what_only_openshift_has_is_repaired(openshift_world: Scenario, router: RoutePlayer) -> None:
    world, where = openshift_world, openshift_world.namespace()
    cr = world.cryostat(where)
    world.ready(cr)
    places = {"ConsoleLink": ("", bindings_of(cr)), "Route": (where, "x")}
    edits = {"ConsoleLink": {"spec": {"text": "edited"}}, "Route": {"spec": {"to": {"name": "edited"}}}}
    for kind, place in places.items():
        before = world.get(kind, *place)
        edited = world.api.patch(before, edits[kind])
        assert edited["spec"] != before["spec"]
        repaired(world, before, place)


def repaired(world: Scenario, before: Object, place: tuple[str, str]) -> None:
    """Waits until an object has its former spec again, without having been made anew."""

    def same() -> bool:
        now = world.get(before["kind"], *place)
        assert now["metadata"]["uid"] == before["metadata"]["uid"]
        return bool(now["spec"] == before["spec"])

    eventually(same, what=f"{before['kind']} is repaired")
