"""What the operator keeps of `managedFields`: its own labels and annotations, and the fields that others set."""

from __future__ import annotations

from typing import Any

from cryostat_operator.api import constants
from cryostat_operator.plan.model.managed_fields import (
    is_written_by_operator,
    operator_fields,
    other_managers,
    scaled_by,
    trim,
)

REPLICAS: dict[str, Any] = {"f:spec": {"f:replicas": {}}}
AUTOSCALER = {"manager": "kube-controller-manager", "subresource": "scale", "fieldsV1": REPLICAS}
RESTART = {
    "manager": "kubectl-rollout",
    "fieldsV1": {"f:spec": {"f:template": {"f:metadata": {"f:annotations": {"f:restartedAt": {}}}}}},
}
STATUS = {"manager": "kube-controller-manager", "subresource": "status", "fieldsV1": {"f:status": {"f:replicas": {}}}}
OWN = {
    "manager": "cryostat-operator",
    "fieldsV1": {
        "f:metadata": {"f:labels": {"f:a": {}}, "f:ownerReferences": {}},
        "f:spec": {"f:replicas": {}, "f:template": {"f:metadata": {"f:annotations": {"f:hash": {}}}}},
    },
}


def live(*entries: dict[str, Any]) -> dict[str, Any]:
    return trim("Deployment", {"metadata": {"name": "x", "selfLink": "/x", "managedFields": list(entries)}})


def test_labels_and_annotations_of_the_operator_are_known() -> None:
    obj = live(OWN, AUTOSCALER, RESTART, STATUS)
    assert operator_fields(obj, (), "labels") == {"a"}
    assert operator_fields(obj, ("spec", "template"), "annotations") == {"hash"}
    assert operator_fields(obj, (), "annotations") == set()


def test_the_revision_of_a_deployment_is_never_the_operators() -> None:
    revision: dict[str, Any] = {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}
    assert operator_fields(live({**OWN, "fieldsV1": {"f:metadata": revision}}), (), "annotations") == set()


def test_values_of_secrets_and_the_status_of_others_are_not_kept() -> None:
    obj = trim("Secret", {"data": {"a": "Yg=="}, "metadata": {"name": "x", "managedFields": [STATUS]}})
    assert "data" not in obj
    assert obj["metadata"] == {"name": "x", "managedFields": []}


def test_the_manager_that_scales_is_the_one_that_used_the_subresource() -> None:
    assert scaled_by(live(OWN, STATUS, AUTOSCALER)) == "kube-controller-manager"
    edited = {"manager": "kubectl-edit", "fieldsV1": REPLICAS}
    for entries in ([], [OWN], [edited], [{**AUTOSCALER, "fieldsV1": {}}]):
        assert scaled_by(live(*entries)) == ""


def test_other_managers_of_a_field_are_named_once_in_order() -> None:
    edited = {"manager": "kubectl-edit", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {}}}}}
    obj = live(OWN, AUTOSCALER, edited, {**edited, "subresource": "scale"}, RESTART)
    assert other_managers(obj, "spec.replicas") == ["kube-controller-manager", "kubectl-edit"]
    assert other_managers(obj, "spec.template.spec") == ["kubectl-edit"]
    assert other_managers(obj, "spec.template[0].env[1]") == ["kubectl-edit", "kubectl-rollout"]
    assert other_managers(obj, "spec.strategy") == []
    assert other_managers(live(OWN), "spec.replicas") == []


def test_a_program_called_manager_is_the_go_operator_if_it_created_the_object() -> None:
    made = {"manager": "manager", "fieldsV1": {"f:metadata": {"f:labels": {f"f:{constants.LABEL_NAME}": {}}}}}
    assert is_written_by_operator(made)
    assert not is_written_by_operator({"manager": "manager", "fieldsV1": REPLICAS})
    assert not is_written_by_operator({**OWN, "subresource": "status"})
