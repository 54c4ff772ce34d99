"""Objects of other owners are not changed, whatever their name. A condition names them; other objects are created."""

from __future__ import annotations

import pytest

from tests.cluster.api import Object, condition, eventually
from tests.cluster.scenario import Scenario, bindings_of, callback_of
from tests.cluster.user_objects import CONTENT

HOST = {"host": "cryostat.example.com"}


def foreign_objects(scenario: Scenario, where: str, *places: tuple[str, str]) -> list[Object]:
    """Objects of a user that exist before the Cryostat."""
    return [scenario.make(kind, where, name, **CONTENT[kind]) for kind, name in places]


def is_unchanged(scenario: Scenario, before: Object) -> bool:
    """Whether an object of a user has its original content, no ownership labels and no owner."""
    metadata = before["metadata"]
    now = scenario.get(before["kind"], metadata["namespace"], metadata["name"])
    assert now["metadata"]["uid"] == metadata["uid"]
    for key in ("labels", "ownerReferences", "deletionTimestamp"):
        assert now["metadata"].get(key) == metadata.get(key), (before["kind"], key)
    for key in ("spec", "data"):
        if before["kind"] != "PersistentVolumeClaim":  # the cluster writes the binding
            assert now.get(key) == before.get(key), before["kind"]
    return True


def test_objects_of_other_owners_are_not_changed_and_named(scenario: Scenario) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    places = [
        ("Service", "x"), ("Service", "x-database"), ("NetworkPolicy", "x-internal-ingress"), ("Ingress", "x"),
        ("Deployment", "x-reports"), ("ConfigMap", "x-lock"),
    ]  # fmt: skip
    objects = foreign_objects(scenario, where, *places)
    cr = scenario.cryostat(
        where,
        reportOptions={"replicas": 1},
        targetNamespaces=[where, target],
        networkOptions={"coreConfig": {"ingressSpec": {"rules": [HOST]}}},
    )
    found = scenario.wait_for_reason(
        cr, "NameCollision", *(f"{kind} {where}/{name}" for kind, name in places), type="Reconciled"
    )
    assert found["status"] == "False"
    assert condition(scenario.live(cr), "Reconciled")["reason"] == "NameCollision"
    eventually(lambda: scenario.get("Deployment", where, "x"), what="all other objects are created")
    eventually(lambda: scenario.get("RoleBinding", target, bindings_of(cr)))
    scenario.wait_for_reconciles(cr)
    assert all(is_unchanged(scenario, obj) for obj in objects)
    events = [event["message"] for event in scenario.events(cr, "NameCollision")]
    assert sorted(text.partition(" already exists")[0] for text in events) == sorted(
        f"{k} {where}/{n}" for k, n in places
    )
    for obj in objects:
        scenario.api.delete(obj)
    scenario.wait_until_ready(cr)
    assert scenario.get("Service", where, "x")["spec"]["selector"]["app"] == "x"


@pytest.mark.parametrize(
    ("kind", "name", "held"),
    [
        ("Secret", "x-db", ["Deployment x", "Deployment x-database", "PersistentVolumeClaim x-database"]),
        ("Secret", "x-storage", ["Deployment x", "Deployment x-storage"]),
        ("ConfigMap", "x-agent-proxy", ["Deployment x"]),
        ("PersistentVolumeClaim", "x-database", ["Deployment x-database"]),
        ("PersistentVolumeClaim", "x-storage", ["Deployment x-storage"]),
        ("ServiceAccount", "x", ["Deployment x", "RoleBinding binding"]),
    ],
)
def test_no_pod_uses_an_object_of_another_owner(scenario: Scenario, kind: str, name: str, held: list[str]) -> None:
    where = scenario.namespace()
    [theirs_] = foreign_objects(scenario, where, (kind, name))
    cr = scenario.cryostat(where)
    scenario.wait_for_reason(cr, "NameCollision", f"{kind} {where}/{name}")
    everything = ["Deployment x", "Deployment x-database", "Deployment x-storage", "RoleBinding binding"]
    for made in set(everything) - set(held):
        place = made.replace("binding", bindings_of(cr)).split()
        eventually(lambda place=place: scenario.get(place[0], where, place[1]), what=made)  # type: ignore[misc]
    scenario.wait_for_reconciles(cr)
    for missing in held:
        place = missing.replace("binding", bindings_of(cr)).split()
        if (place[0], place[1]) != (kind, name):
            assert scenario.find(place[0], where, place[1]) is None, missing
    assert is_unchanged(scenario, theirs_)
    scenario.api.delete(theirs_)
    scenario.wait_until_ready(cr)


def test_an_object_that_replaces_an_owned_object_is_not_changed(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    with scenario.stopped():
        scenario.api.delete(scenario.get("NetworkPolicy", where, "x-internal-ingress"))
        [policy] = foreign_objects(scenario, where, ("NetworkPolicy", "x-internal-ingress"))
    scenario.wait_for_reason(cr, "NameCollision", "NetworkPolicy")
    assert is_unchanged(scenario, policy)
    scenario.delete(cr)
    assert is_unchanged(scenario, policy)


def test_bindings_and_callbacks_of_other_owners_are_not_changed(scenario: Scenario) -> None:
    """Their names contain a hash, but another client may use the same name."""
    where, target = scenario.namespace(), scenario.namespace()
    head = {"metadata": {"name": "x", "namespace": where}}
    subject = {"kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"}
    binding = scenario.make("RoleBinding", target, bindings_of(head), subjects=[subject], roleRef=role)
    [service] = foreign_objects(scenario, target, ("Service", callback_of(head)))
    cr = scenario.cryostat(where, targetNamespaces=[where, target])
    scenario.wait_for_reason(cr, "NameCollision", f"RoleBinding {target}/", f"Service {target}/", type="Reconciled")
    scenario.delete(cr)
    assert scenario.get("RoleBinding", target, bindings_of(head))["subjects"] == binding["subjects"]
    assert is_unchanged(scenario, service)


def test_a_disabled_option_deletes_no_object_of_another_owner(scenario: Scenario) -> None:
    """Reports, Ingress, egress policies and proxies are optional. Without them, other owners may use their names."""
    where = scenario.namespace()
    objects = foreign_objects(
        scenario, where, ("Ingress", "x"), ("Service", "x-reports"), ("Deployment", "x-reports"),
        ("NetworkPolicy", "x-internal-egress"), ("Secret", "x-keystore"),
    )  # fmt: skip
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    assert all(is_unchanged(scenario, obj) for obj in objects)
    scenario.delete(cr)
    scenario.wait_for_no_objects(cr)
    assert all(is_unchanged(scenario, obj) for obj in objects)


@pytest.mark.parametrize("suffix", ["reports", "database", "storage"])
def test_cryostats_with_overlapping_names_do_not_change_each_others_objects(scenario: Scenario, suffix: str) -> None:
    where = scenario.namespace()
    first = scenario.wait_until_ready(scenario.cryostat(where, "a", reportOptions={"replicas": 1}))
    before = scenario.get("Deployment", where, f"a-{suffix}")
    second = scenario.cryostat(where, f"a-{suffix}", reportOptions={"replicas": 1})
    found = scenario.wait_for_reason(second, "NameCollision", f"Deployment {where}/a-{suffix}", type="Reconciled")
    assert f"belongs to Cryostat {where}/a" in found["message"]
    scenario.wait_for_reconciles(second)
    now = scenario.get("Deployment", where, f"a-{suffix}")
    assert (now["metadata"]["uid"], now["spec"]) == (before["metadata"]["uid"], before["spec"])
    scenario.wait_until_ready(first)
    scenario.delete(second)
    eventually(
        lambda: scenario.find("Deployment", where, f"a-{suffix}-reports") is None, what="the second one is deleted"
    )
    assert scenario.get("Deployment", where, f"a-{suffix}")["metadata"]["uid"] == before["metadata"]["uid"]


def test_objects_of_the_user_with_generated_names_are_used(scenario: Scenario) -> None:
    where = scenario.namespace()
    database, storage = foreign_objects(scenario, where, ("Secret", "x-db"), ("Secret", "x-storage"))
    options = {"databaseOptions": {"secretName": "x-db"}, "objectStorageOptions": {"secretName": "x-storage"}}
    cr = scenario.wait_until_ready(scenario.cryostat(where, **options))
    scenario.delete(cr)
    assert is_unchanged(scenario, database)
    assert is_unchanged(scenario, storage)
