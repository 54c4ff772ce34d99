"""Keys are generated once per volume, claims only grow, data is abandoned only on request, and may be retained."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import ApiError, Object, condition, eventually
from tests.cluster.scenario import Scenario

KEYS = {"CONNECTION_KEY": "one", "ENCRYPTION_KEY": "two"}
EMPTY_DIR = {"database": {"emptyDir": {"enabled": True}}}


def size(amount: str, component: str = "database") -> Object:
    return {"storageOptions": {component: {"pvc": {"spec": {"resources": {"requests": {"storage": amount}}}}}}}


def copy(obj: Object, *keys: str) -> Object:
    """The object as a backup contains it: the content and the given keys of the metadata."""
    kept = {key: obj["metadata"][key] for key in ("name", "namespace", *keys)}
    return {**obj, "metadata": kept}


@pytest.mark.parametrize("restored", [(), ("labels",), ("labels", "ownerReferences")])
def test_lost_keys_are_not_generated_again(scenario: Scenario, restored: tuple[str, ...]) -> None:
    where = scenario.namespace()
    cr = scenario.ready(scenario.cryostat(where))
    before = scenario.get("Secret", where, "x-db")
    pods = scenario.get("Deployment", where, "x-database")["spec"]["template"]["spec"]
    scenario.api.delete(before)
    scenario.wait_for_reason(cr, "DatabaseSecretLost", "Secret x-db is gone", "x-database")
    assert condition(scenario.now(cr), "DatabaseKeysReady")["status"] == "False"
    scenario.settle()
    assert scenario.find("Secret", where, "x-db") is None
    assert scenario.get("Deployment", where, "x-database")["spec"]["template"]["spec"] == pods
    assert len(scenario.events(cr, "DatabaseSecretLost")) == 1
    with scenario.down():
        pass
    scenario.settle()
    assert scenario.find("Secret", where, "x-db") is None
    scenario.api.create(copy(before, *restored))
    scenario.ready(cr)
    after = scenario.get("Secret", where, "x-db")
    assert after["data"] == before["data"]
    assert after["metadata"]["labels"].items() >= before["metadata"]["labels"].items()
    assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]


def test_a_claim_that_is_deleted_is_a_new_start(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.ready(scenario.cryostat(where))
    old = scenario.get("Secret", where, "x-db")
    scenario.api.delete(old)
    scenario.wait_for_reason(cr, "DatabaseSecretLost")
    scenario.plane.add_volumes(1)
    scenario.api.delete(scenario.get("PersistentVolumeClaim", where, "x-database"))
    eventually(lambda: "deletionTimestamp" in scenario.get("PersistentVolumeClaim", where, "x-database")["metadata"])
    pods = scenario.api.path("v1", "Pod", where)
    scenario.api.request("DELETE", pods, labelSelector="component=database")
    scenario.ready(cr)
    assert scenario.get("Secret", where, "x-db")["data"] != old["data"]


def test_the_name_of_the_secret_can_be_corrected_until_the_claim_exists(scenario: Scenario) -> None:
    where = scenario.namespace()
    scenario.secret(where, "right", **KEYS)
    cr = scenario.cryostat(where, databaseOptions={"secretName": "wrong"})
    scenario.wait_for_reason(cr, "SecretNotFound", "Secret wrong")
    scenario.change(cr, databaseOptions={"secretName": "right"})
    scenario.ready(cr)
    assert scenario.now(cr)["status"]["databaseSecret"] == "right"
    assert scenario.find("Secret", where, "x-db") is None


def secret_in_use(scenario: Scenario, where: str) -> str:
    [container] = scenario.get("Deployment", where, "x-database")["spec"]["template"]["spec"]["containers"]
    variables = {each["name"]: each for each in container["env"]}
    return str(variables["POSTGRESQL_PASSWORD"]["valueFrom"]["secretKeyRef"]["name"])


@pytest.mark.parametrize("status", [None, {"databaseSecret": "other"}, {"databaseSecret": ""}])
def test_another_secret_is_refused_once_the_claim_exists(scenario: Scenario, status: Object | None) -> None:
    """Also where the status, in which the name is recorded, is lost or edited by hand."""
    where = scenario.namespace()
    scenario.secret(where, "other", **KEYS)
    cr = scenario.ready(scenario.cryostat(where))
    with scenario.down():
        scenario.api.patch(cr, {"status": status}, sub="status")
        scenario.change(cr, databaseOptions={"secretName": "other"})
    scenario.wait_for_reason(cr, "DatabaseSecretMismatched", "x-db", "not other")
    assert secret_in_use(scenario, where) == "x-db"
    eventually(lambda: scenario.now(cr)["status"]["databaseSecret"] == "x-db")
    assert len(scenario.events(cr, "DatabaseSecretMismatched")) == 1
    eventually(lambda: condition(scenario.now(cr), "MainDeploymentAvailable").get("status") == "True")
    scenario.change(cr, databaseOptions=None)
    scenario.ready(cr)


def test_values_that_the_database_was_not_set_up_with_are_refused(scenario: Scenario) -> None:
    """Also where the claim was created by an operator that recorded nothing."""
    where = scenario.namespace()
    keys = scenario.secret(where, "keys", **KEYS)
    cr = scenario.ready(scenario.cryostat(where, databaseOptions={"secretName": "keys"}))
    places = [("Deployment", where, "x"), ("Deployment", where, "x-database")]
    before = [scenario.get(*place)["metadata"]["generation"] for place in places]

    def record() -> str | None:
        annotations = scenario.get("PersistentVolumeClaim", where, "x-database")["metadata"].get("annotations") or {}
        found: str | None = annotations.get(constants.ANNOTATION_DATABASE_KEYS)
        return found

    recorded = record()
    assert recorded
    with scenario.down():
        scenario.annotate(
            scenario.get("PersistentVolumeClaim", where, "x-database"), **{constants.ANNOTATION_DATABASE_KEYS: None}
        )
    eventually(lambda: record() == recorded, what="the keys that are in use are recorded")
    scenario.ready(cr)
    scenario.settle()
    mark = scenario.plane.audit_mark()
    scenario.api.patch(keys, {"stringData": {"ENCRYPTION_KEY": "three"}})
    scenario.wait_for_reason(cr, "DatabaseKeysMismatched", "Secret keys", "ENCRYPTION_KEY", "x-database")
    scenario.wait_for_reason(cr, "DatabaseKeysMismatched", type="DatabaseKeysReady")
    with scenario.down():
        pass
    scenario.settle()
    assert len(scenario.events(cr, "DatabaseKeysMismatched")) == 1
    assert [scenario.get(*place)["metadata"]["generation"] for place in places] == before
    scenario.api.patch(keys, {"stringData": {"ENCRYPTION_KEY": KEYS["ENCRYPTION_KEY"]}})
    scenario.ready(cr)
    assert [scenario.get(*place)["metadata"]["generation"] for place in places] == before
    assert {write.resource for write in scenario.writes(mark)} <= {"cryostats/status", "events"}


def requested(scenario: Scenario, where: str) -> str:
    claim = scenario.get("PersistentVolumeClaim", where, "x-database")
    return str(claim["spec"]["resources"]["requests"]["storage"])


def growing_class(scenario: Scenario) -> str:
    """A storage class that allows expansion, with one volume."""
    name = scenario.namespace("growing")
    head = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    scenario.api.create({**head, "provisioner": "example.com/none", "allowVolumeExpansion": True})
    volume = {
        "capacity": {"storage": "64Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": name,
        "hostPath": {"path": "/nonexistent"},
    }  # fmt: skip
    made = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": volume}
    scenario.api.create(made)
    scenario.undo(lambda: scenario.api.delete(head))
    return name


def test_claims_only_grow_and_a_manually_expanded_claim_blocks_nothing(scenario: Scenario) -> None:
    where, storage_class = scenario.namespace(), growing_class(scenario)
    options: Any = size("1Gi")
    options["storageOptions"]["database"]["pvc"]["spec"]["storageClassName"] = storage_class
    cr = scenario.ready(scenario.cryostat(where, **options))
    scenario.change(cr, **size("2Gi"))
    eventually(lambda: requested(scenario, where) == "2Gi", what="the claim is expanded")
    claim = scenario.get("PersistentVolumeClaim", where, "x-database")
    scenario.api.patch(claim, {"spec": {"resources": {"requests": {"storage": "8Gi"}}}})
    mark = scenario.plane.audit_mark()
    scenario.change(cr, **size("3Gi"), reportOptions={"replicas": 1})
    scenario.ready(cr)
    assert requested(scenario, where) == "8Gi"
    assert [write for write in scenario.writes(mark) if write.resource == "persistentvolumeclaims"] == []


def test_a_claim_that_cannot_grow_is_reported_and_blocks_nothing(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.ready(scenario.cryostat(where))
    mark = scenario.plane.audit_mark()
    scenario.change(cr, **size("2Gi"), reportOptions={"replicas": 1})
    found = scenario.wait_for_reason(cr, "PersistentVolumeClaimInvalid", "x-database", type="VolumesReady")
    assert "only dynamically provisioned pvc can be resized" in found["message"].lower()
    scenario.wait_for_reason(cr, "PersistentVolumeClaimInvalid")
    eventually(lambda: scenario.get("Deployment", where, "x-reports"), what="all other objects are written")
    scenario.settle_except(cr)
    assert len(scenario.events(cr, "PersistentVolumeClaimInvalid")) == 1
    statuses = [write for write in scenario.writes(mark) if write.resource == "cryostats/status"]
    assert len(statuses) < 8, "the status is written when something changes, not at each try"
    scenario.change(cr, storageOptions=None)
    scenario.ready(cr)


def test_a_claim_that_cannot_change_is_reported_and_blocks_nothing(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.ready(scenario.cryostat(where))
    claim = {"spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "fast"}}
    scenario.change(cr, storageOptions={"objectStorage": {"pvc": claim}}, reportOptions={"replicas": 1})
    scenario.wait_for_reason(
        cr, "ClaimUnchangeable", "x-storage", "accessModes, storageClassName", type="SpecEffective"
    )
    assert len(scenario.events(cr, "ClaimUnchangeable")) == 1
    scenario.ready(cr)
    assert scenario.find("Deployment", where, "x-reports")


def test_an_empty_dir_in_place_of_a_claim_has_to_be_confirmed(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.ready(scenario.cryostat(where))
    scenario.change(cr, storageOptions=EMPTY_DIR)
    scenario.wait_for_reason(cr, "DataLossConfirmationRequired", "x-database", constants.ANNOTATION_ALLOW_DATA_LOSS)
    [volume] = scenario.get("Deployment", where, "x-database")["spec"]["template"]["spec"]["volumes"]
    assert "persistentVolumeClaim" in volume
    scenario.annotate(cr, **{constants.ANNOTATION_ALLOW_DATA_LOSS: "true"})
    scenario.ready(cr)
    [volume] = scenario.get("Deployment", where, "x-database")["spec"]["template"]["spec"]["volumes"]
    assert "emptyDir" in volume
    assert scenario.get("PersistentVolumeClaim", where, "x-database"), "a claim is never pruned"


def test_an_empty_dir_from_the_start_needs_no_confirmation(scenario: Scenario) -> None:
    where = scenario.namespace()
    scenario.ready(scenario.cryostat(where, storageOptions=EMPTY_DIR))
    assert scenario.find("PersistentVolumeClaim", where, "x-database") is None


DATA = (
    ("PersistentVolumeClaim", "x-database"), ("PersistentVolumeClaim", "x-storage"), ("Secret", "x-db"),
    ("Secret", "x-storage"),
)  # fmt: skip


@pytest.mark.parametrize("when", ["from the start", "just before", "while the operator is away"])
def test_data_is_retained_on_request(scenario: Scenario, when: str) -> None:
    where, retain = scenario.namespace(), {constants.ANNOTATION_DATA_RETENTION: "Retain"}
    cr = scenario.cryostat(where, metadata={"annotations": retain if when == "from the start" else {}})
    scenario.ready(cr)
    before = {place: scenario.get(place[0], where, place[1]) for place in DATA}
    if when == "from the start":
        assert not any(obj["metadata"].get("ownerReferences") for obj in before.values())
        scenario.plane.kubectl("delete", "cryostat", "x", "-n", where, "--cascade=foreground")
    elif when == "just before":
        scenario.annotate(cr, **retain)
        scenario.delete(cr)
    else:
        with scenario.down():
            scenario.annotate(cr, **retain)
            scenario.api.delete(cr)
        scenario.gone(cr)
    eventually(
        lambda: scenario.find("Deployment", where, "x-database") is None, 60, "garbage collection deletes the rest"
    )
    for (kind, name), obj in before.items():
        now = scenario.get(kind, where, name)
        assert now["metadata"]["uid"] == obj["metadata"]["uid"]
        assert not now["metadata"].get("ownerReferences")
        assert "deletionTimestamp" not in now["metadata"]
    again = scenario.ready(scenario.cryostat(where))
    for (kind, name), obj in before.items():
        now = scenario.get(kind, where, name)
        assert (now["metadata"]["uid"], now.get("data")) == (obj["metadata"]["uid"], obj.get("data"))
        assert now["metadata"]["ownerReferences"][0]["uid"] == again["metadata"]["uid"]


def test_retained_data_is_not_joined_with_other_keys(scenario: Scenario) -> None:
    where = scenario.namespace()
    scenario.secret(where, "other", **KEYS)
    cr = scenario.ready(
        scenario.cryostat(where, metadata={"annotations": {constants.ANNOTATION_DATA_RETENTION: "Retain"}})
    )
    scenario.delete(cr)
    eventually(lambda: scenario.find("Deployment", where, "x-database") is None, 60)
    again = scenario.cryostat(where, databaseOptions={"secretName": "other"})
    scenario.wait_for_reason(again, "DatabaseSecretMismatched", "x-db")
    assert secret_in_use(scenario, where) == "x-db"


def test_a_cryostat_that_is_created_again_waits_for_the_deletion_of_the_old_objects(scenario: Scenario) -> None:
    """It must not adopt a volume whose keys are already deleted."""
    where = scenario.namespace()
    scenario.ready(scenario.cryostat(where))
    old = scenario.get("Secret", where, "x-db")
    cr = scenario.cryostat_again(where)
    scenario.ready(cr, timeout=60)
    with pytest.raises(ApiError):
        scenario.api.create(copy(old))
    assert scenario.get("Secret", where, "x-db")["metadata"]["uid"] != old["metadata"]["uid"]
    for kind, name in DATA:
        [owner] = scenario.get(kind, where, name)["metadata"]["ownerReferences"]
        assert owner["uid"] == cr["metadata"]["uid"]


@pytest.mark.parametrize("how", ["deleted", "selector"])
def test_two_databases_never_share_a_volume(scenario: Scenario, how: str) -> None:
    """A deleted Deployment is created again after its last pod has ended."""
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.ready(cr)
    old = held_pod(scenario, where)
    deployment = scenario.get("Deployment", where, "x-database")
    if how == "deleted":
        scenario.api.delete(deployment)
    else:
        with scenario.down():
            scenario.api.delete(deployment)
            deployment["spec"]["selector"]["matchLabels"] = deployment["spec"]["selector"]["matchLabels"] | {"b": "c"}
            deployment["spec"]["template"]["metadata"]["labels"] |= {"b": "c"}
            kept = {key: deployment["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences")}
            eventually(
                lambda: scenario.api.create({**deployment, "metadata": kept}), what="another client creates it again"
            )
    scenario.wait_for_reason(cr, "DatabaseDeploymentPending", "pods of the previous one")
    scenario.wait_for_reason(cr, "ObjectBeingDeleted", "Deployment", "x-database", type="Reconciled")
    scenario.settle()
    pods = scenario.api.list("v1", "Pod", where, labelSelector="component=database")
    assert [pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]] == []
    scenario.api.patch(old, {"metadata": {"finalizers": None}})
    scenario.ready(cr)


def held_pod(scenario: Scenario, where: str) -> Object:
    """The pod of the database with a finalizer, until the test removes it."""
    [pod] = scenario.api.list("v1", "Pod", where, labelSelector="component=database")
    scenario.undo(lambda: scenario.api.patch(pod, {"metadata": {"finalizers": None}}))
    return scenario.api.patch(pod, {"metadata": {"finalizers": ["tests.example.com/hold"]}}) | {
        "apiVersion": "v1", "kind": "Pod",
    }  # fmt: skip


def test_pods_that_are_to_stay_are_adopted(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.ready(cr)
    [before] = scenario.api.list("v1", "Pod", where, labelSelector="component=database")
    old = scenario.get("Deployment", where, "x-database")
    scenario.api.delete(old, propagation="Orphan")
    eventually(lambda: scenario.get("Deployment", where, "x-database")["metadata"]["uid"] != old["metadata"]["uid"])
    scenario.ready(cr)
    pods = scenario.api.list("v1", "Pod", where, labelSelector="component=database")
    assert [pod["metadata"]["uid"] for pod in pods] == [before["metadata"]["uid"]]


@pytest.mark.parametrize("label", ["other", None])
def test_an_edited_record_on_the_claim_is_restored(scenario: Scenario, label: str | None) -> None:
    where = scenario.namespace()
    scenario.secret(where, "other", **KEYS)
    cr = scenario.cryostat(where)
    scenario.ready(cr)
    keys = scenario.get("Secret", where, "x-db")["data"]
    generation = scenario.get("Deployment", where, "x-database")["metadata"]["generation"]
    claim = scenario.get("PersistentVolumeClaim", where, "x-database")
    scenario.api.patch(claim, {"metadata": {"labels": {constants.LABEL_DATABASE_SECRET: label}}})

    def put_right() -> bool:
        labels = scenario.get("PersistentVolumeClaim", where, "x-database")["metadata"]["labels"]
        return bool(labels.get(constants.LABEL_DATABASE_SECRET) == "x-db")

    eventually(put_right, what="the record is restored")
    scenario.ready(cr)
    assert scenario.get("Secret", where, "x-db")["data"] == keys
    assert scenario.get("Deployment", where, "x-database")["metadata"]["generation"] == generation


@pytest.mark.parametrize("content", ["as it was", "of no use"])
def test_a_secret_with_a_finalizer_is_used_or_generated_again(scenario: Scenario, content: str) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.ready(cr)
    secret = scenario.get("Secret", where, "x-storage")
    kept = {key: secret["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences")}
    data = secret["data"] if content == "as it was" else {"SECRET_KEY": secret["data"]["SECRET_KEY"]}
    with scenario.down():
        scenario.api.delete(secret)
        protected = {"apiVersion": "v1", "kind": "Secret", "metadata": kept, "data": data, "immutable": True}
        eventually(lambda: scenario.api.create(protected), what="it exists and is immutable")
    scenario.ready(cr)
    scenario.settle()
    assert scenario.get("Secret", where, "x-storage")["data"] == secret["data"]


def test_a_deleted_volume_is_reported(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.ready(cr)
    name = scenario.get("PersistentVolumeClaim", where, "x-database")["spec"]["volumeName"]
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}}
    scenario.api.delete(volume)
    scenario.api.patch(volume, {"metadata": {"finalizers": None}})
    scenario.wait_for_reason(cr, "VolumeLost", "PersistentVolumeClaim x-database", name)
    scenario.wait_for_reason(cr, "VolumeLost", type="VolumesReady")
    assert scenario.find("PersistentVolumeClaim", where, "x-database")
    assert len(scenario.events(cr, "VolumeLost")) == 1


@pytest.mark.parametrize("value", ["", None])
def test_a_removed_value_is_generated_again(scenario: Scenario, value: str | None) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.ready(cr)
    secret = scenario.get("Secret", where, "x-storage")
    scenario.api.patch(secret, {"data": {"SECRET_KEY": value}})
    eventually(
        lambda: scenario.get("Secret", where, "x-storage")["data"].get("SECRET_KEY"), what="the object exists again"
    )
    scenario.ready(cr)
    assert scenario.get("Secret", where, "x-storage")["data"]["ACCESS_KEY"] == secret["data"]["ACCESS_KEY"]


def test_keys_without_labels_and_owner_are_recognized_by_their_field_manager(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.ready(cr)
    keys = scenario.get("Secret", where, "x-db")
    with scenario.down():
        scenario.api.patch(keys, {"metadata": {"labels": None, "ownerReferences": None}})
    scenario.settle()
    scenario.ready(cr)
    after = scenario.get("Secret", where, "x-db")
    assert after["data"] == keys["data"]
    assert after["metadata"]["ownerReferences"] == keys["metadata"]["ownerReferences"]
