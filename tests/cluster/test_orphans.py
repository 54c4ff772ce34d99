"""Objects of an earlier release that this one does not create are adopted and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import KINDS
from tests.cluster.api import Object, eventually
from tests.cluster.cert_manager import CertManager
from tests.cluster.controlplane import ControlPlane
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario, bindings_of, ownership_labels
from tests.cluster.user_objects import CLAIM, CONTENT

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
    """The kinds of cert-manager exist; its controller does not run."""
    manager = CertManager(openshift_plane)
    manager.define()
    yield
    manager.uninstall()


@pytest.mark.usefixtures("with_cert_manager", "router")
def test_obsolete_objects_are_deleted_and_data_is_kept(openshift_scenario: Scenario) -> None:
    scenario = openshift_scenario
    assert set(OBJECTS) == {kind for kind, row in KINDS.items() if row.namespaced and not row.on_demand}
    with scenario.stopped():
        where = scenario.namespace()
        cr = scenario.cryostat(where, metadata={"finalizers": [constants.FINALIZER]})
        for kind, content in OBJECTS.items():
            scenario.make(kind, where, NAME, metadata={"ownerReferences": [reference(cr)]}, **content)
    scenario.wait_until_ready(cr)

    def left() -> list[str]:
        return [kind for kind in OBJECTS if scenario.find(kind, where, NAME)]

    eventually(lambda: left() == ["PersistentVolumeClaim"], what="only the data is left")
    claim = scenario.get("PersistentVolumeClaim", where, NAME)
    assert claim["spec"]["resources"] == CLAIM["resources"]
    assert ownership_labels(cr).items() <= claim["metadata"]["labels"].items()
    scenario.wait_until_idle()
    assert left() == ["PersistentVolumeClaim"]


def reference(cr: Object) -> Object:
    """The owner reference that the Go operator sets."""
    meta = cr["metadata"]
    head = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "name": meta["name"], "uid": meta["uid"]}
    return {**head, "controller": True, "blockOwnerDeletion": True}


def test_objects_of_openshift_are_repaired(openshift_scenario: Scenario, router: Router) -> None:
    scenario, where = openshift_scenario, openshift_scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.wait_until_ready(cr)
    places = {
        "ConsoleLink": ("", bindings_of(cr)),
        "Route": (where, "x"),
        "ClusterRoleBinding": ("", bindings_of(cr)),
    }
    subject = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "other"}
    edits = {
        "ConsoleLink": {"spec": {"text": "edited"}},
        "Route": {"spec": {"to": {"name": "edited"}}},
        "ClusterRoleBinding": {"subjects": [subject]},
    }
    for kind, place in places.items():
        before = scenario.get(kind, *place)
        edited = scenario.api.patch(before, edits[kind])
        assert content(edited) != content(before)
        repaired(scenario, before, place)


def content(obj: Object) -> tuple[Any, Any]:
    return obj.get("spec"), obj.get("subjects")


def repaired(scenario: Scenario, before: Object, place: tuple[str, str]) -> None:
    """Wait until an object has its former content and UID again."""

    def same() -> bool:
        now = scenario.get(before["kind"], *place)
        assert now["metadata"]["uid"] == before["metadata"]["uid"]
        return bool(content(now) == content(before))

    eventually(same, what=f"{before['kind']} is repaired")
