"""What an earlier release made for an instance, and this one does not ask for, is taken over and cleared away."""

from __future__ import annotations

from typing import Any

from cryostat_operator.desired import names
from cryostat_operator.desired.plan import KINDS
from tests.cluster.api import Object, eventually
from tests.cluster.router import RoutePlayer
from tests.cluster.scenario import Scenario, mark_of
from tests.cluster.test_loop_collisions import CLAIM, CONTENT

NAME = "of-an-earlier-release"
ROLE = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": NAME}
OBJECTS: dict[str, dict[str, Any]] = {
    **CONTENT,
    "Route": {"spec": {"to": {"kind": "Service", "name": NAME}}},
    "Role": {"rules": []},
    "RoleBinding": {"roleRef": ROLE, "subjects": []},
}
ABSENT = {"Issuer", "Certificate"}  # no cert-manager here


def test_leftovers_of_every_kind_go_and_data_stays(openshift_world: Scenario, router: RoutePlayer) -> None:
    world = openshift_world
    assert set(OBJECTS) == {kind for kind, row in KINDS.items() if row.namespaced} - ABSENT
    with world.down():
        where = world.namespace()
        cr = world.cryostat(where)
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
