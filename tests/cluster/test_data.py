"""Claims only grow, and data is abandoned or retained only on request."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import ApiError, Object, eventually
from tests.cluster.database_keys import KEYS, copy, secret_in_use
from tests.cluster.scenario import Scenario

EMPTY_DIR = {"database": {"emptyDir": {"enabled": True}}}


def size(amount: str, component: str = "database") -> Object:
    return {"storageOptions": {component: {"pvc": {"spec": {"resources": {"requests": {"storage": amount}}}}}}}


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
    cr = scenario.wait_until_ready(scenario.cryostat(where, **options))
    scenario.change(cr, **size("2Gi"))
    eventually(lambda: requested(scenario, where) == "2Gi", what="the claim is expanded")
    claim = scenario.get("PersistentVolumeClaim", where, "x-database")
    scenario.api.patch(claim, {"spec": {"resources": {"requests": {"storage": "8Gi"}}}})
    mark = scenario.plane.audit_mark()
    scenario.change(cr, **size("3Gi"), reportOptions={"replicas": 1})
    scenario.wait_until_ready(cr)
    assert requested(scenario, where) == "8Gi"
    assert [write for write in scenario.writes(mark) if write.resource == "persistentvolumeclaims"] == []


def test_a_claim_that_cannot_grow_is_reported_and_blocks_nothing(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    mark = scenario.plane.audit_mark()
    scenario.change(cr, **size("2Gi"), reportOptions={"replicas": 1})
    found = scenario.wait_for_reason(cr, "PersistentVolumeClaimInvalid", "x-database", type="VolumesReady")
    assert "only dynamically provisioned pvc can be resized" in found["message"].lower()
    scenario.wait_for_reason(cr, "PersistentVolumeClaimInvalid")
    eventually(lambda: scenario.get("Deployment", where, "x-reports"), what="all other objects are written")
    scenario.wait_for_reconciles(cr)
    assert len(scenario.events(cr, "PersistentVolumeClaimInvalid")) == 1
    statuses = [write for write in scenario.writes(mark) if write.resource == "cryostats/status"]
    assert len(statuses) < 8, "the status is written when something changes, not at each try"
    scenario.change(cr, storageOptions=None)
    scenario.wait_until_ready(cr)


def test_a_claim_that_cannot_change_is_reported_and_blocks_nothing(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    claim = {"spec": {"accessModes": ["ReadWriteMany"], "storageClassName": "fast"}}
    scenario.change(cr, storageOptions={"objectStorage": {"pvc": claim}}, reportOptions={"replicas": 1})
    scenario.wait_for_reason(
        cr, "ClaimUnchangeable", "x-storage", "accessModes, storageClassName", type="SpecEffective"
    )
    assert len(scenario.events(cr, "ClaimUnchangeable")) == 1
    scenario.wait_until_ready(cr)
    assert scenario.find("Deployment", where, "x-reports")


def test_an_empty_dir_in_place_of_a_claim_has_to_be_confirmed(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    scenario.change(cr, storageOptions=EMPTY_DIR)
    scenario.wait_for_reason(cr, "DataLossConfirmationRequired", "x-database", constants.ANNOTATION_ALLOW_DATA_LOSS)
    [volume] = scenario.get("Deployment", where, "x-database")["spec"]["template"]["spec"]["volumes"]
    assert "persistentVolumeClaim" in volume
    scenario.annotate(cr, **{constants.ANNOTATION_ALLOW_DATA_LOSS: "true"})
    scenario.wait_until_ready(cr)
    [volume] = scenario.get("Deployment", where, "x-database")["spec"]["template"]["spec"]["volumes"]
    assert "emptyDir" in volume
    assert scenario.get("PersistentVolumeClaim", where, "x-database"), "a claim is never pruned"


def test_an_empty_dir_from_the_start_needs_no_confirmation(scenario: Scenario) -> None:
    where = scenario.namespace()
    scenario.wait_until_ready(scenario.cryostat(where, storageOptions=EMPTY_DIR))
    assert scenario.find("PersistentVolumeClaim", where, "x-database") is None


DATA = (
    ("PersistentVolumeClaim", "x-database"), ("PersistentVolumeClaim", "x-storage"), ("Secret", "x-db"),
    ("Secret", "x-storage"),
)  # fmt: skip


@pytest.mark.parametrize("when", ["from the start", "just before", "while the operator is away"])
def test_data_is_retained_on_request(scenario: Scenario, when: str) -> None:
    where, retain = scenario.namespace(), {constants.ANNOTATION_DATA_RETENTION: "Retain"}
    cr = scenario.cryostat(where, metadata={"annotations": retain if when == "from the start" else {}})
    scenario.wait_until_ready(cr)
    before = {place: scenario.get(place[0], where, place[1]) for place in DATA}
    if when == "from the start":
        assert not any(obj["metadata"].get("ownerReferences") for obj in before.values())
        scenario.plane.kubectl("delete", "cryostat", "x", "-n", where, "--cascade=foreground")
    elif when == "just before":
        scenario.annotate(cr, **retain)
        scenario.delete(cr)
    else:
        with scenario.stopped():
            scenario.annotate(cr, **retain)
            scenario.api.delete(cr)
        scenario.wait_until_deleted(cr)
    eventually(
        lambda: scenario.find("Deployment", where, "x-database") is None, 60, "garbage collection deletes the rest"
    )
    for (kind, name), obj in before.items():
        now = scenario.get(kind, where, name)
        assert now["metadata"]["uid"] == obj["metadata"]["uid"]
        assert not now["metadata"].get("ownerReferences")
        assert "deletionTimestamp" not in now["metadata"]
    again = scenario.wait_until_ready(scenario.cryostat(where))
    for (kind, name), obj in before.items():
        now = scenario.get(kind, where, name)
        assert (now["metadata"]["uid"], now.get("data")) == (obj["metadata"]["uid"], obj.get("data"))
        assert now["metadata"]["ownerReferences"][0]["uid"] == again["metadata"]["uid"]


COPIED = ("PersistentVolumeClaim", "Secret", "ConfigMap", "ServiceAccount", "Service", "Deployment", "NetworkPolicy")


def restored(obj: Object, where: str) -> Object:
    """The object as Velero restores it into another namespace: without owners, status and values of the cluster."""
    annotations = obj["metadata"].get("annotations") or {}
    kept = {key: value for key, value in annotations.items() if not key.startswith("pv.kubernetes.io/")}
    metadata = {"name": obj["metadata"]["name"], "labels": obj["metadata"]["labels"], "annotations": kept}
    headless = (obj.get("spec") or {}).get("clusterIP") == "None"
    spec = {key: value for key, value in (obj.get("spec") or {}).items() if headless or key not in _OF_THE_CLUSTER}
    rest = {key: value for key, value in obj.items() if key not in ("metadata", "spec", "status")}
    return {**rest, "metadata": {**metadata, "namespace": where}, **({"spec": spec} if spec else {})}


_OF_THE_CLUSTER = frozenset({"clusterIP", "clusterIPs", "volumeName"})


@pytest.mark.parametrize("remains", [True, False])
def test_a_backup_that_was_restored_into_another_namespace_is_adopted(scenario: Scenario, remains: bool) -> None:
    """Velero's `--namespace-mappings` keeps the ownership labels, which name the former namespace."""
    scenario.plane.add_volumes(2)
    former, where = scenario.namespace(), scenario.namespace("restored")
    cr = scenario.wait_until_ready(scenario.cryostat(former))
    objects = [restored(obj, where) for obj in scenario.owned_objects(cr) if obj["kind"] in COPIED]
    if not remains:
        scenario.delete(cr)
    for obj in objects:
        scenario.api.create(obj)
    again = scenario.wait_until_ready(scenario.cryostat(where), timeout=90)
    for kind, name in DATA:
        [before] = [obj for obj in objects if (obj["kind"], obj["metadata"]["name"]) == (kind, name)]
        now = scenario.get(kind, where, name)
        assert now.get("data") == before.get("data")
        assert [owner["uid"] for owner in now["metadata"]["ownerReferences"]] == [again["metadata"]["uid"]]
        assert now["metadata"]["labels"][constants.LABEL_NAMESPACE] == where
    if remains:
        assert scenario.wait_until_ready(cr)["metadata"]["uid"] == cr["metadata"]["uid"]


def test_retained_data_is_not_used_with_other_keys(scenario: Scenario) -> None:
    where = scenario.namespace()
    scenario.secret(where, "other", **KEYS)
    cr = scenario.wait_until_ready(
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
    scenario.wait_until_ready(scenario.cryostat(where))
    old = scenario.get("Secret", where, "x-db")
    cr = scenario.recreate_cryostat(where)
    scenario.wait_until_ready(cr, timeout=60)
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
    scenario.wait_until_ready(cr)
    old = held_pod(scenario, where)
    deployment = scenario.get("Deployment", where, "x-database")
    if how == "deleted":
        scenario.api.delete(deployment)
    else:
        with scenario.stopped():
            scenario.api.delete(deployment)
            deployment["spec"]["selector"]["matchLabels"] = deployment["spec"]["selector"]["matchLabels"] | {"b": "c"}
            deployment["spec"]["template"]["metadata"]["labels"] |= {"b": "c"}
            kept = {key: deployment["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences")}
            eventually(
                lambda: scenario.api.create({**deployment, "metadata": kept}), what="another client creates it again"
            )
    scenario.wait_for_reason(cr, "DatabaseDeploymentPending", "pods of the previous one")
    scenario.wait_for_reason(cr, "ObjectBeingDeleted", "Deployment", "x-database", type="Reconciled")
    scenario.wait_until_idle()
    pods = scenario.api.list("v1", "Pod", where, labelSelector="component=database")
    assert [pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]] == []
    scenario.api.patch(old, {"metadata": {"finalizers": None}})
    scenario.wait_until_ready(cr)


def held_pod(scenario: Scenario, where: str) -> Object:
    """The pod of the database with a finalizer, until the test removes it."""
    [pod] = scenario.api.list("v1", "Pod", where, labelSelector="component=database")
    scenario.undo(lambda: scenario.api.patch(pod, {"metadata": {"finalizers": None}}))
    return scenario.api.patch(pod, {"metadata": {"finalizers": ["tests.example.com/hold"]}}) | {
        "apiVersion": "v1", "kind": "Pod",
    }  # fmt: skip


def test_running_pods_are_adopted(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.wait_until_ready(cr)
    [before] = scenario.api.list("v1", "Pod", where, labelSelector="component=database")
    old = scenario.get("Deployment", where, "x-database")
    scenario.api.delete(old, propagation="Orphan")
    eventually(lambda: scenario.get("Deployment", where, "x-database")["metadata"]["uid"] != old["metadata"]["uid"])
    scenario.wait_until_ready(cr)
    pods = scenario.api.list("v1", "Pod", where, labelSelector="component=database")
    assert [pod["metadata"]["uid"] for pod in pods] == [before["metadata"]["uid"]]


def test_a_deleted_volume_is_reported(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.wait_until_ready(cr)
    name = scenario.get("PersistentVolumeClaim", where, "x-database")["spec"]["volumeName"]
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}}
    scenario.api.delete(volume)
    scenario.api.patch(volume, {"metadata": {"finalizers": None}})
    scenario.wait_for_reason(cr, "VolumeLost", "PersistentVolumeClaim x-database", name)
    scenario.wait_for_reason(cr, "VolumeLost", type="VolumesReady")
    assert scenario.find("PersistentVolumeClaim", where, "x-database")
    assert len(scenario.events(cr, "VolumeLost")) == 1
