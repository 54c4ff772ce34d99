"""What somebody else owns is left alone, whatever its name; the instance says so and goes on with the rest."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cluster.api import Object, condition, eventually
from tests.cluster.scenario import Scenario, bindings_of, callback_of

SELECTOR = {"matchLabels": {"app": "mine"}}
POD = {"metadata": {"labels": {"app": "mine"}}, "spec": {"containers": [{"name": "a", "image": "example.com/a"}]}}
BACKEND = {"service": {"name": "mine", "port": {"number": 80}}}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
# What a user's own object of a kind may look like.
CONTENT: dict[str, dict[str, Any]] = {
    "ServiceAccount": {},
    "Secret": {"stringData": {"CONNECTION_KEY": "a", "ENCRYPTION_KEY": "b", "ACCESS_KEY": "c", "SECRET_KEY": "d"}},
    "ConfigMap": {"data": {"mine": "yes"}},
    "PersistentVolumeClaim": {"spec": CLAIM},
    "Service": {"spec": {"selector": {"app": "mine"}, "ports": [{"port": 80}]}},
    "NetworkPolicy": {"spec": {"podSelector": SELECTOR, "policyTypes": ["Ingress"]}},
    "Ingress": {"spec": {"defaultBackend": BACKEND}},
    "Deployment": {"spec": {"selector": SELECTOR, "template": POD}},
}
HOST = {"host": "cryostat.example.com"}


def theirs(world: Scenario, where: str, *places: tuple[str, str]) -> list[Object]:
    """Objects of a user's, made before the Cryostat."""
    return [world.make(kind, where, name, **CONTENT[kind]) for kind, name in places]


def untouched(world: Scenario, before: Object) -> bool:
    """Whether a user's object has the content that the user gave it, no mark and no owner."""
    metadata = before["metadata"]
    now = world.get(before["kind"], metadata["namespace"], metadata["name"])
    assert now["metadata"]["uid"] == metadata["uid"]
    for key in ("labels", "ownerReferences", "deletionTimestamp"):
        assert now["metadata"].get(key) == metadata.get(key), (before["kind"], key)
    for key in ("spec", "data"):
        if before["kind"] != "PersistentVolumeClaim":  # which the cluster binds
            assert now.get(key) == before.get(key), before["kind"]
    return True


def test_objects_of_others_are_left_alone_and_named(world: Scenario) -> None:
    where, target = world.namespace(), world.namespace()
    places = [
        ("Service", "x"), ("Service", "x-database"), ("NetworkPolicy", "x-internal-ingress"), ("Ingress", "x"),
        ("Deployment", "x-reports"), ("ConfigMap", "x-lock"),
    ]  # fmt: skip
    objects = theirs(world, where, *places)
    cr = world.cryostat(
        where,
        reportOptions={"replicas": 1},
        targetNamespaces=[where, target],
        networkOptions={"coreConfig": {"ingressSpec": {"rules": [HOST]}}},
    )
    found = world.told(cr, "NameCollision", *(f"{kind} {where}/{name}" for kind, name in places))
    assert found["status"] == "False"
    assert condition(world.now(cr), "Reconciled")["reason"] == "NameCollision"
    eventually(lambda: world.get("Deployment", where, "x"), what="everything else is made")
    eventually(lambda: world.get("RoleBinding", target, bindings_of(cr)))
    world.settle_except(cr)
    assert all(untouched(world, obj) for obj in objects)
    events = [event["message"] for event in world.events(cr, "NameCollision")]
    assert sorted(text.partition(" exists")[0] for text in events) == sorted(f"{k} {where}/{n}" for k, n in places)
    for obj in objects:
        world.api.delete(obj)
    world.ready(cr)
    assert world.get("Service", where, "x")["spec"]["selector"]["app"] == "x"


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
def test_no_pod_runs_with_an_object_of_somebody_else(world: Scenario, kind: str, name: str, held: list[str]) -> None:
    where = world.namespace()
    [theirs_] = theirs(world, where, (kind, name))
    cr = world.cryostat(where)
    world.told(cr, "NameCollision", f"{kind} {where}/{name}")
    everything = ["Deployment x", "Deployment x-database", "Deployment x-storage", "RoleBinding binding"]
    for made in set(everything) - set(held):
        place = made.replace("binding", bindings_of(cr)).split()
        eventually(lambda place=place: world.get(place[0], where, place[1]), what=made)  # type: ignore[misc]
    world.settle_except(cr)
    for missing in held:
        place = missing.replace("binding", bindings_of(cr)).split()
        if (place[0], place[1]) != (kind, name):
            assert world.find(place[0], where, place[1]) is None, missing
    assert untouched(world, theirs_)
    world.api.delete(theirs_)
    world.ready(cr)


def test_an_object_that_takes_the_place_of_ours_is_left_alone(world: Scenario) -> None:
    where = world.namespace()
    cr = world.ready(world.cryostat(where))
    with world.down():
        world.api.delete(world.get("NetworkPolicy", where, "x-internal-ingress"))
        [policy] = theirs(world, where, ("NetworkPolicy", "x-internal-ingress"))
    world.told(cr, "NameCollision", "NetworkPolicy")
    assert untouched(world, policy)
    world.delete(cr)
    assert untouched(world, policy)


def test_bindings_and_callbacks_of_others_are_left_alone(world: Scenario) -> None:
    """Their names are hashes of the instance's; somebody may have made one all the same."""
    where, target = world.namespace(), world.namespace()
    head = {"metadata": {"name": "x", "namespace": where}}
    subject = {"kind": "User", "name": "u", "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "ClusterRole", "name": "view", "apiGroup": "rbac.authorization.k8s.io"}
    binding = world.make("RoleBinding", target, bindings_of(head), subjects=[subject], roleRef=role)
    [service] = theirs(world, target, ("Service", callback_of(head)))
    cr = world.cryostat(where, targetNamespaces=[where, target])
    world.told(cr, "NameCollision", f"RoleBinding {target}/", f"Service {target}/")
    world.delete(cr)
    assert world.get("RoleBinding", target, bindings_of(head))["subjects"] == binding["subjects"]
    assert untouched(world, service)


def test_nothing_of_others_goes_with_an_option_that_is_off(world: Scenario) -> None:
    """Reports, Ingress, egress policies and proxies are optional: their names belong to whoever uses them."""
    where = world.namespace()
    objects = theirs(
        world, where, ("Ingress", "x"), ("Service", "x-reports"), ("Deployment", "x-reports"),
        ("NetworkPolicy", "x-internal-egress"), ("Secret", "x-keystore"),
    )  # fmt: skip
    cr = world.ready(world.cryostat(where))
    assert all(untouched(world, obj) for obj in objects)
    world.delete(cr)
    world.nothing_left(cr)
    assert all(untouched(world, obj) for obj in objects)


@pytest.mark.parametrize("suffix", ["reports", "database", "storage"])
def test_cryostats_with_names_that_overlap_leave_each_other_alone(world: Scenario, suffix: str) -> None:
    where = world.namespace()
    first = world.ready(world.cryostat(where, "a", reportOptions={"replicas": 1}))
    before = world.get("Deployment", where, f"a-{suffix}")
    second = world.cryostat(where, f"a-{suffix}", reportOptions={"replicas": 1})
    found = world.told(second, "NameCollision", f"Deployment {where}/a-{suffix}")
    assert f"belongs to Cryostat {where}/a" in found["message"]
    world.settle_except(second)
    now = world.get("Deployment", where, f"a-{suffix}")
    assert (now["metadata"]["uid"], now["spec"]) == (before["metadata"]["uid"], before["spec"])
    world.ready(first)
    world.delete(second)
    eventually(lambda: world.find("Deployment", where, f"a-{suffix}-reports") is None, what="the second one is gone")
    assert world.get("Deployment", where, f"a-{suffix}")["metadata"]["uid"] == before["metadata"]["uid"]


def test_names_that_the_user_gives_are_the_users_even_if_they_are_ours(world: Scenario) -> None:
    where = world.namespace()
    database, storage = theirs(world, where, ("Secret", "x-db"), ("Secret", "x-storage"))
    options = {"databaseOptions": {"secretName": "x-db"}, "objectStorageOptions": {"secretName": "x-storage"}}
    cr = world.ready(world.cryostat(where, **options))
    world.delete(cr)
    assert untouched(world, database)
    assert untouched(world, storage)
