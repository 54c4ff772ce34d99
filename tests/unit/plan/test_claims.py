"""Claims: their use for data, their changeable fields, and the reported problems."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan import claims
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.model.kinds import Obj
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, cryostat

EMPTY_DIR = {"storageOptions": {"database": {"emptyDir": {"enabled": True}}}}


def state(spec: dict[str, Any] | None = None, live: Obj | None = None, **metadata: Any) -> ClusterState:
    found = ClusterState(cryostat(spec, **metadata))
    return found.with_live(live) if live else found


def live_claim(size: str = "500Mi", **status: Any) -> Obj:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}, "volumeName": "pv"}
    metadata = {"name": f"{NAME}-database", "namespace": NAMESPACE}
    return {"kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec, "status": status}


def pvc(**spec: Any) -> dict[str, Any]:
    return {"storageOptions": {"database": {"pvc": {"spec": spec}}}}


def test_the_data_is_in_a_claim_by_default() -> None:
    instance = state().instance
    claim = claims.claim(instance, "database", "1Gi")
    assert claim
    assert claim["spec"]["resources"] == {"requests": {"storage": "1Gi"}}
    assert claims.volume(instance, "database")["persistentVolumeClaim"] == {"claimName": f"{NAME}-database"}


def test_an_empty_dir_has_the_size_and_medium_of_the_spec() -> None:
    spec = {"storageOptions": {"database": {"emptyDir": {"enabled": True, "sizeLimit": "1Gi", "medium": "Memory"}}}}
    instance = state(spec).instance
    assert claims.claim(instance, "database", "1Gi") is None
    assert claims.volume(instance, "database")["emptyDir"] == {"sizeLimit": "1Gi", "medium": "Memory"}
    assert claims.uses_claim(instance, "storage")


def test_data_is_abandoned_only_after_a_confirmation() -> None:
    given = state(EMPTY_DIR, live_claim())
    assert claims.uses_claim(given.instance, "database")
    problem = claims.data_at_risk(given.instance, "database")
    assert problem
    assert problem.reason == "DataLossConfirmationRequired"
    assert constants.ANNOTATION_ALLOW_DATA_LOSS in problem.message
    confirmed = state(EMPTY_DIR, live_claim(), annotations={constants.ANNOTATION_ALLOW_DATA_LOSS: "true"})
    assert not claims.uses_claim(confirmed.instance, "database")
    assert claims.data_at_risk(confirmed.instance, "database") is None


@pytest.mark.parametrize(("size", "expected"), [("2Gi", "2Gi"), ("100Mi", "500Mi"), ("0.5Gi", "0.5Gi")])
def test_an_existing_claim_only_grows(size: str, expected: str) -> None:
    instance = state(pvc(resources={"requests": {"storage": size}}), live_claim()).instance
    claim = claims.claim(instance, "database", "1Gi")
    assert claim
    assert claim["spec"]["resources"]["requests"]["storage"] == expected
    assert claim["spec"]["volumeName"] == "pv"


def test_a_claim_without_a_size_gets_one() -> None:
    requested = {"resources": {"requests": {"storage": "1Gi"}}}
    assert claims.grown_spec({"volumeName": "pv"}, requested) == {"volumeName": "pv", **requested}


def test_other_fields_of_a_claim_are_unchangeable() -> None:
    spec = pvc(storageClassName="fast", accessModes=["ReadWriteOnce"], resources={"requests": {"storage": "9Gi"}})
    problem = claims.unchangeable(state(spec, live_claim()).instance, "database")
    assert problem
    assert problem.reason == "ClaimUnchangeable"
    assert problem.message == (
        "PersistentVolumeClaim sample-database exists: its storageClassName cannot be changed. "
        "Undo the change of spec.storageOptions, or delete the claim to start over without the data."
    )
    assert claims.unchangeable(state(spec).instance, "database") is None
    assert claims.unchangeable(state(pvc(accessModes=["ReadWriteOnce"]), live_claim()).instance, "database") is None


@pytest.mark.parametrize(
    ("size", "live", "said"),
    [("5Gi", "10Gi", True), ("10Gi", "10240Mi", False), ("20Gi", "10Gi", False), ("much", "10Gi", False)],
)
def test_a_claim_cannot_shrink(size: str, live: str, said: bool) -> None:
    spec = pvc(resources={"requests": {"storage": size}})
    problem = claims.unchangeable(state(spec, live_claim(live)).instance, "database")
    assert (problem is not None) is said
    if problem:
        assert "cannot shrink from 10Gi to 5Gi; set spec.storageOptions.database.pvc.spec.resources" in problem.message


def test_a_claim_that_others_enlarged_is_larger_on_purpose() -> None:
    claim = live_claim("10Gi")
    fields: Obj = {"f:spec": {"f:resources": {"f:requests": {"f:storage": {}}}}}
    claim["metadata"]["managedFields"] = [{"manager": "autoscaler", "other": True, "fieldsV1": fields}]
    spec = pvc(resources={"requests": {"storage": "5Gi"}})
    assert claims.unchangeable(state(spec, claim).instance, "database") is None


def test_a_claim_that_lost_its_volume_is_reported() -> None:
    problem = claims.lost(state(live=live_claim(phase="Lost")).instance, "database")
    assert problem
    assert (problem.reason, "pv" in problem.message) == ("VolumeLost", True)
    assert claims.lost(state(live=live_claim(phase="Bound")).instance, "database") is None


@pytest.mark.parametrize(
    ("volume", "kept"),
    [
        ("pv", "set persistentVolumeReclaimPolicy of PersistentVolume pv to Retain now"),
        (None, "make a backup now"),
    ],
)
def test_a_claim_that_is_deleted_while_its_pod_runs(volume: str | None, kept: str) -> None:
    deleted = live_claim(phase="Bound")
    deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    deleted["spec"]["volumeName"] = volume
    found = state(live=deleted)
    problem = claims.being_deleted(found.instance, "database")
    assert problem
    assert problem.message == (
        "PersistentVolumeClaim sample-database is being deleted: its data is deleted when the pod of Deployment "
        "sample-database ends. Until then, the operator does not change this Deployment. "
        f"To keep the data, {kept}; to start over without it, delete the pod."
    )
    assert diff(found.plan, found.snapshot, "1").problems == []
    confirmed = state(EMPTY_DIR, deleted, annotations={constants.ANNOTATION_ALLOW_DATA_LOSS: "true"})
    assert claims.being_deleted(confirmed.instance, "database") is None


def test_a_claim_that_is_not_being_deleted() -> None:
    assert claims.being_deleted(state(live=live_claim(phase="Bound")).instance, "database") is None
    assert claims.being_deleted(state().instance, "database") is None


def test_the_deprecated_options_apply_to_both_components() -> None:
    instance = state({"storageOptions": {"pvc": {"labels": {"a": "b"}}}}).instance
    for component in ("database", "storage"):
        claim = claims.claim(instance, component, "1Gi")
        assert claim
        assert claim["metadata"]["labels"]["a"] == "b"
