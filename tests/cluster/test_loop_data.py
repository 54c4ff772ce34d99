"""Keys are never made twice for a volume, claims only grow, nothing is given up unasked, and all of it may stay."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.desired import names
from tests.cluster.api import ApiError, Object, condition, eventually
from tests.cluster.scenario import Scenario

KEYS = {"CONNECTION_KEY": "one", "ENCRYPTION_KEY": "two"}
EMPTY_DIR = {"database": {"emptyDir": {"enabled": True}}}


def size(amount: str, component: str = "database") -> Object:
    return {"storageOptions": {component: {"pvc": {"spec": {"resources": {"requests": {"storage": amount}}}}}}}


def copy(obj: Object, *keys: str) -> Object:
    """What somebody restores from a backup: the content and the given keys of the metadata."""
    kept = {key: obj["metadata"][key] for key in ("name", "namespace", *keys)}
    return {**obj, "metadata": kept}


@pytest.mark.parametrize("restored", [(), ("labels",), ("labels", "ownerReferences")])
def test_lost_keys_are_not_made_anew(world: Scenario, restored: tuple[str, ...]) -> None:
    where = world.namespace()
    cr = world.ready(world.cryostat(where))
    before = world.get("Secret", where, "x-db")
    pods = world.get("Deployment", where, "x-database")["spec"]["template"]["spec"]
    world.api.delete(before)
    world.told(cr, "DatabaseSecretLost", "Secret x-db is gone", "x-database")
    assert condition(world.now(cr), "DatabaseKeysReady")["status"] == "False"
    world.settle()
    assert world.find("Secret", where, "x-db") is None
    assert world.get("Deployment", where, "x-database")["spec"]["template"]["spec"] == pods
    assert len(world.events(cr, "DatabaseSecretLost")) == 1
    with world.down():
        pass
    world.settle()
    assert world.find("Secret", where, "x-db") is None
    world.api.create(copy(before, *restored))
    world.ready(cr)
    after = world.get("Secret", where, "x-db")
    assert after["data"] == before["data"]
    assert after["metadata"]["labels"].items() >= before["metadata"]["labels"].items()
    assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]


def test_a_claim_that_is_deleted_is_a_new_start(world: Scenario) -> None:
    where = world.namespace()
    cr = world.ready(world.cryostat(where))
    old = world.get("Secret", where, "x-db")
    world.api.delete(old)
    world.told(cr, "DatabaseSecretLost")
    world.plane.add_volumes(1)
    world.api.delete(world.get("PersistentVolumeClaim", where, "x-database"))
    eventually(lambda: "deletionTimestamp" in world.get("PersistentVolumeClaim", where, "x-database")["metadata"])
    pods = world.api.path("v1", "Pod", where)
    world.api.request("DELETE", pods, labelSelector="component=database")
    world.ready(cr)
    assert world.get("Secret", where, "x-db")["data"] != old["data"]


def test_the_name_of_the_secret_can_be_put_right_until_the_database_ran(world: Scenario) -> None:
    where = world.namespace()
    world.secret(where, "right", **KEYS)
    cr = world.cryostat(where, databaseOptions={"secretName": "wrong"})
    world.told(cr, "SecretNotFound", "Secret wrong")
    world.change(cr, databaseOptions={"secretName": "right"})
    world.ready(cr)
    assert world.now(cr)["status"]["databaseSecret"] == "right"
    assert world.find("Secret", where, "x-db") is None


def secret_in_use(world: Scenario, where: str) -> str:
    [container] = world.get("Deployment", where, "x-database")["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each for each in container["env"]}
    return str(variables["POSTGRESQL_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"])


@pytest.mark.parametrize("status", [None, {"databaseSecret": "other"}, {"databaseSecret": ""}])
def test_other_keys_are_refused_once_the_database_ran(world: Scenario, status: Object | None) -> None:
    """Also where the status, in which the name is recorded, is lost or edited by hand."""
    where = world.namespace()
    world.secret(where, "other", **KEYS)
    cr = world.ready(world.cryostat(where))
    with world.down():
        world.api.patch(cr, {"status": status}, sub="status")
        world.change(cr, databaseOptions={"secretName": "other"})
    world.told(cr, "DatabaseSecretMismatched", "x-db", "not other")
    assert secret_in_use(world, where) == "x-db"
    eventually(lambda: world.now(cr)["status"]["databaseSecret"] == "x-db")
    assert len(world.events(cr, "DatabaseSecretMismatched")) == 1
    eventually(lambda: condition(world.now(cr), "MainDeploymentAvailable").get("status") == "True")
    world.change(cr, databaseOptions=None)
    world.ready(cr)


def requested(world: Scenario, where: str) -> str:
    claim = world.get("PersistentVolumeClaim", where, "x-database")
    return str(claim["spec"]["resources"]["requests"]["storage"])


def growing_class(world: Scenario) -> str:
    """A storage class whose volumes may grow, with one such volume."""
    name = world.namespace("growing")
    head = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    world.api.create({**head, "provisioner": "example.com/none", "allowVolumeExpansion": True})
    volume = {
        "capacity": {"storage": "64Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": name,
        "hostPath": {"path": "/nonexistent"},
    }  # fmt: skip
    made = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": volume}
    world.api.create(made)
    world.undo(lambda: world.api.delete(head))
    return name


def test_claims_only_grow_and_one_grown_by_hand_blocks_nothing(world: Scenario) -> None:
    where, storage_class = world.namespace(), growing_class(world)
    options: Any = size("1Gi")
    options["storageOptions"]["database"]["pvc"]["spec"]["storageClassName"] = storage_class
    cr = world.ready(world.cryostat(where, **options))
    world.change(cr, **size("2Gi"))
    eventually(lambda: requested(world, where) == "2Gi", what="the claim grows")
    claim = world.get("PersistentVolumeClaim", where, "x-database")
    world.api.patch(claim, {"spec": {"resources": {"requests": {"storage": "8Gi"}}}})
    mark = world.plane.audit_mark()
    world.change(cr, **size("3Gi"), reportOptions={"replicas": 1})
    world.ready(cr)
    assert requested(world, where) == "8Gi"
    assert [write for write in world.writes(mark) if write.resource == "persistentvolumeclaims"] == []


def test_a_claim_that_cannot_grow_is_told_and_holds_up_nothing(world: Scenario) -> None:
    where = world.namespace()
    cr = world.ready(world.cryostat(where))
    mark = world.plane.audit_mark()
    world.change(cr, **size("2Gi"), reportOptions={"replicas": 1})
    found = world.told(cr, "PersistentVolumeClaimInvalid", "x-database", type="VolumesReady")
    assert "only dynamically provisioned pvc can be resized" in found["message"].lower()
    world.told(cr, "PersistentVolumeClaimInvalid")
    eventually(lambda: world.get("Deployment", where, "x-reports"), what="the rest goes on")
    world.settle_except(cr)
    assert len(world.events(cr, "PersistentVolumeClaimInvalid")) == 1
    statuses = [write for write in world.writes(mark) if write.resource == "cryostats/status"]
    assert len(statuses) < 8, "the status is written when something changes, not at each try"
    world.change(cr, storageOptions=None)
    world.ready(cr)


def test_a_claim_that_cannot_change_is_told_and_holds_up_nothing(world: Scenario) -> None:
    where = world.namespace()
    cr = world.ready(world.cryostat(where))
    claim = {"spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "fast"}}
    world.change(cr, storageOptions={"objectStorage": {"pvc": claim}}, reportOptions={"replicas": 1})
    world.told(cr, "ClaimUnchangeable", "x-storage", "accessModes, storageClassName", type="SpecEffective")
    assert len(world.events(cr, "ClaimUnchangeable")) == 1
    world.ready(cr)
    assert world.find("Deployment", where, "x-reports")


def test_an_empty_dir_in_place_of_a_claim_has_to_be_confirmed(world: Scenario) -> None:
    where = world.namespace()
    cr = world.ready(world.cryostat(where))
    world.change(cr, storageOptions=EMPTY_DIR)
    world.told(cr, "DataLossConfirmationRequired", "x-database", names.ANNOTATION_ALLOW_DATA_LOSS)
    [volume] = world.get("Deployment", where, "x-database")["spec"]["template"]["spec"]["volumes"]
    assert "persistentVolumeClaim" in volume
    world.annotate(cr, **{names.ANNOTATION_ALLOW_DATA_LOSS: "true"})
    world.ready(cr)
    [volume] = world.get("Deployment", where, "x-database")["spec"]["template"]["spec"]["volumes"]
    assert "emptyDir" in volume
    assert world.get("PersistentVolumeClaim", where, "x-database"), "a claim is never pruned"


def test_an_empty_dir_from_the_start_needs_no_confirmation(world: Scenario) -> None:
    where = world.namespace()
    world.ready(world.cryostat(where, storageOptions=EMPTY_DIR))
    assert world.find("PersistentVolumeClaim", where, "x-database") is None


DATA = (
    ("PersistentVolumeClaim", "x-database"), ("PersistentVolumeClaim", "x-storage"), ("Secret", "x-db"),
    ("Secret", "x-storage"),
)  # fmt: skip


@pytest.mark.parametrize("when", ["from the start", "just before", "while the operator is away"])
def test_data_stays_where_the_cryostat_asks_for_it(world: Scenario, when: str) -> None:
    where, retain = world.namespace(), {names.ANNOTATION_DATA_RETENTION: "Retain"}
    cr = world.cryostat(where, metadata={"annotations": retain if when == "from the start" else {}})
    world.ready(cr)
    before = {place: world.get(place[0], where, place[1]) for place in DATA}
    if when == "from the start":
        assert not any(obj["metadata"].get("ownerReferences") for obj in before.values())
        world.plane.kubectl("delete", "cryostat", "x", "-n", where, "--cascade=foreground")
    elif when == "just before":
        world.annotate(cr, **retain)
        world.delete(cr)
    else:
        with world.down():
            world.annotate(cr, **retain)
            world.api.delete(cr)
        world.gone(cr)
    eventually(lambda: world.find("Deployment", where, "x-database") is None, 60, "the rest is collected")
    for (kind, name), obj in before.items():
        now = world.get(kind, where, name)
        assert now["metadata"]["uid"] == obj["metadata"]["uid"]
        assert not now["metadata"].get("ownerReferences")
        assert "deletionTimestamp" not in now["metadata"]
    again = world.ready(world.cryostat(where))
    for (kind, name), obj in before.items():
        now = world.get(kind, where, name)
        assert (now["metadata"]["uid"], now.get("data")) == (obj["metadata"]["uid"], obj.get("data"))
        assert now["metadata"]["ownerReferences"][0]["uid"] == again["metadata"]["uid"]


def test_retained_data_is_not_joined_with_other_keys(world: Scenario) -> None:
    where = world.namespace()
    world.secret(where, "other", **KEYS)
    cr = world.ready(world.cryostat(where, metadata={"annotations": {names.ANNOTATION_DATA_RETENTION: "Retain"}}))
    world.delete(cr)
    eventually(lambda: world.find("Deployment", where, "x-database") is None, 60)
    again = world.cryostat(where, databaseOptions={"secretName": "other"})
    world.told(again, "DatabaseSecretMismatched", "x-db")
    assert secret_in_use(world, where) == "x-db"


def test_a_cryostat_that_is_made_again_at_once_waits_for_the_old_ones_objects(world: Scenario) -> None:
    """To adopt a volume whose keys have gone already would be the end of the instance."""
    where = world.namespace()
    world.ready(world.cryostat(where))
    old = world.get("Secret", where, "x-db")
    cr = world.cryostat_again(where)
    world.ready(cr, timeout=60)
    with pytest.raises(ApiError):
        world.api.create(copy(old))
    assert world.get("Secret", where, "x-db")["metadata"]["uid"] != old["metadata"]["uid"]
    for kind, name in DATA:
        [owner] = world.get(kind, where, name)["metadata"]["ownerReferences"]
        assert owner["uid"] == cr["metadata"]["uid"]


@pytest.mark.parametrize("how", ["deleted", "selector"])
def test_two_databases_never_share_a_volume(world: Scenario, how: str) -> None:
    """A Deployment that is gone is made again when its last pod has let go of the volume."""
    where = world.namespace()
    cr = world.cryostat(where)
    world.ready(cr)
    old = held_pod(world, where)
    deployment = world.get("Deployment", where, "x-database")
    if how == "deleted":
        world.api.delete(deployment)
    else:
        with world.down():
            world.api.delete(deployment)
            deployment["spec"]["selector"]["matchLabels"] = deployment["spec"]["selector"]["matchLabels"] | {"b": "c"}
            deployment["spec"]["template"]["metadata"]["labels"] |= {"b": "c"}
            kept = {key: deployment["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences")}
            eventually(lambda: world.api.create({**deployment, "metadata": kept}), what="somebody makes it anew")
    world.told(cr, "DatabaseDeploymentPending", "pods of the former one")
    world.told(cr, "ObjectBeingDeleted", "Deployment", "x-database", type="Reconciled")
    world.settle()
    pods = world.api.list("v1", "Pod", where, labelSelector="component=database")
    assert [pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]] == []
    world.api.patch(old, {"metadata": {"finalizers": None}})
    world.ready(cr)


def held_pod(world: Scenario, where: str) -> Object:
    """The database's pod, which stays until it is let go."""
    [pod] = world.api.list("v1", "Pod", where, labelSelector="component=database")
    world.undo(lambda: world.api.patch(pod, {"metadata": {"finalizers": None}}))
    return world.api.patch(pod, {"metadata": {"finalizers": ["tests.example.com/hold"]}}) | {
        "apiVersion": "v1", "kind": "Pod",
    }  # fmt: skip


def test_pods_that_are_to_stay_are_adopted(world: Scenario) -> None:
    where = world.namespace()
    cr = world.cryostat(where)
    world.ready(cr)
    [before] = world.api.list("v1", "Pod", where, labelSelector="component=database")
    old = world.get("Deployment", where, "x-database")
    world.api.delete(old, propagation="Orphan")
    eventually(lambda: world.get("Deployment", where, "x-database")["metadata"]["uid"] != old["metadata"]["uid"])
    world.ready(cr)
    pods = world.api.list("v1", "Pod", where, labelSelector="component=database")
    assert [pod["metadata"]["uid"] for pod in pods] == [before["metadata"]["uid"]]


@pytest.mark.parametrize("label", ["other", None])
def test_the_note_on_the_claim_is_not_for_users_to_edit(world: Scenario, label: str | None) -> None:
    where = world.namespace()
    world.secret(where, "other", **KEYS)
    cr = world.cryostat(where)
    world.ready(cr)
    keys = world.get("Secret", where, "x-db")["data"]
    generation = world.get("Deployment", where, "x-database")["metadata"]["generation"]
    claim = world.get("PersistentVolumeClaim", where, "x-database")
    world.api.patch(claim, {"metadata": {"labels": {names.LABEL_DATABASE_SECRET: label}}})

    def put_right() -> bool:
        labels = world.get("PersistentVolumeClaim", where, "x-database")["metadata"]["labels"]
        return bool(labels.get(names.LABEL_DATABASE_SECRET) == "x-db")

    eventually(put_right, what="the note is put right")
    world.ready(cr)
    assert world.get("Secret", where, "x-db")["data"] == keys
    assert world.get("Deployment", where, "x-database")["metadata"]["generation"] == generation


@pytest.mark.parametrize("content", ["as it was", "of no use"])
def test_a_secret_that_somebody_protects_is_used_or_made_anew(world: Scenario, content: str) -> None:
    where = world.namespace()
    cr = world.cryostat(where)
    world.ready(cr)
    secret = world.get("Secret", where, "x-storage")
    kept = {key: secret["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences")}
    data = secret["data"] if content == "as it was" else {"SECRET_KEY": secret["data"]["SECRET_KEY"]}
    with world.down():
        world.api.delete(secret)
        protected = {"apiVersion": "v1", "kind": "Secret", "metadata": kept, "data": data, "immutable": True}
        eventually(lambda: world.api.create(protected), what="it is there, and cannot be changed")
    world.ready(cr)
    world.settle()
    assert world.get("Secret", where, "x-storage")["data"] == secret["data"]


def test_a_volume_that_is_gone_is_told(world: Scenario) -> None:
    where = world.namespace()
    cr = world.cryostat(where)
    world.ready(cr)
    name = world.get("PersistentVolumeClaim", where, "x-database")["spec"]["volumeName"]
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}}
    world.api.delete(volume)
    world.api.patch(volume, {"metadata": {"finalizers": None}})
    world.told(cr, "VolumeLost", "PersistentVolumeClaim x-database", name)
    world.told(cr, "VolumeLost", type="VolumesReady")
    assert world.find("PersistentVolumeClaim", where, "x-database")
    assert len(world.events(cr, "VolumeLost")) == 1


@pytest.mark.parametrize("value", ["", None])
def test_a_value_that_somebody_took_away_is_made_anew(world: Scenario, value: str | None) -> None:
    where = world.namespace()
    cr = world.cryostat(where)
    world.ready(cr)
    secret = world.get("Secret", where, "x-storage")
    world.api.patch(secret, {"data": {"SECRET_KEY": value}})
    eventually(lambda: world.get("Secret", where, "x-storage")["data"].get("SECRET_KEY"), what="there is one again")
    world.ready(cr)
    assert world.get("Secret", where, "x-storage")["data"]["ACCESS_KEY"] == secret["data"]["ACCESS_KEY"]


def test_keys_that_are_stripped_of_everything_are_known_by_who_made_them(world: Scenario) -> None:
    where = world.namespace()
    cr = world.cryostat(where)
    world.ready(cr)
    keys = world.get("Secret", where, "x-db")
    with world.down():
        world.api.patch(keys, {"metadata": {"labels": None, "ownerReferences": None}})
    world.settle()
    world.ready(cr)
    after = world.get("Secret", where, "x-db")
    assert after["data"] == keys["data"]
    assert after["metadata"]["ownerReferences"] == keys["metadata"]["ownerReferences"]
