"""The differences of live objects that cause a write, and the live fields that a write keeps."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.diff.comparison import at, differences
from cryostat_operator.plan.diff.merging import merge
from cryostat_operator.plan.model.kinds import FIELD_MANAGER
from tests.unit.cluster_state import NAME, settled
from tests.unit.plan.diff.objects import changed, deployment, obj

OWNER = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "name": NAME, "uid": "u", "controller": True}
OTHER_OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "o"}


def test_the_desired_state_is_in_sync_with_itself() -> None:
    state = settled()
    assert [key for key, desired in state.plan.objects.items() if differences(desired, copy.deepcopy(desired))] == []


CONTAINER = "spec/template/spec/containers/0"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec/revisionHistoryLimit", 10),
        ("spec/strategy", {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}),
        (f"{CONTAINER}/terminationMessagePath", "/dev/termination-log"),
        (f"{CONTAINER}/resources", {}),
        ("status/replicas", 1),
        ("metadata/labels", {"of": "others"}),
        ("spec/template/metadata/annotations", {"kubectl.kubernetes.io/restartedAt": "now"}),
    ],
)
def test_defaults_and_additions_of_others_are_no_differences(path: str, value: Any) -> None:
    assert differences(deployment(), changed(deployment(), path, value)) == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("spec/replicas", 2, "spec.replicas"),
        ("spec/paused", True, "spec.paused"),
        ("spec/revisionHistoryLimit", 3, "spec.revisionHistoryLimit"),
        (f"{CONTAINER}/image", "other", "spec.template.spec.containers[0].image"),
        ("spec/template/metadata/labels", {"app": "y"}, "spec.template.metadata.labels.app"),
        ("spec/template/spec/containers", [{"name": "x"}, {"name": "sidecar"}], "spec.template.spec.containers"),
    ],
)
def test_changes_of_others_are_differences(path: str, value: Any, expected: str) -> None:
    assert differences(deployment(), changed(deployment(), path, value)) == [expected]


def test_equal_quantities_are_no_difference() -> None:
    desired = deployment(resources={"requests": {"cpu": "0.5", "memory": "1024Mi"}})
    assert differences(desired, deployment(resources={"requests": {"cpu": "500m", "memory": "1Gi"}})) == []
    assert differences(desired, deployment(resources={"requests": {"cpu": "500m", "memory": "2Gi"}})) == [
        "spec.template.spec.containers[0].resources.requests.memory"
    ]


def test_a_label_that_the_operator_set_earlier_is_removed() -> None:
    entry = {"manager": FIELD_MANAGER, "fieldsV1": {"f:metadata": {"f:labels": {"f:old": {}}}}}
    live = obj("Service", {}, metadata={"labels": {"old": "1", "other": "2"}, "managedFields": [entry]})
    assert differences(obj("Service", {}), live) == ["metadata.labels.old"]
    assert merge(obj("Service", {}), live)["metadata"]["labels"] == {"other": "2"}


def test_the_class_of_an_ingress_is_removed_with_that_of_the_spec() -> None:
    record = {constants.ANNOTATION_INGRESS_CLASS: "nginx"}
    annotations: Any = {f"f:{key}": {} for key in record}
    entry = {"manager": FIELD_MANAGER, "fieldsV1": {"f:metadata": {"f:annotations": annotations}}}
    live = obj("Ingress", {"ingressClassName": "nginx"}, metadata={"annotations": record, "managedFields": [entry]})
    desired = obj("Ingress", {"rules": []})
    assert differences(desired, live) == [f"metadata.annotations.{constants.ANNOTATION_INGRESS_CLASS}"]
    assert merge(desired, live) == {**desired, "metadata": {**desired["metadata"], "labels": {}, "annotations": {}}}


def test_owner_references_of_others_stay() -> None:
    desired = obj("Service", {}, metadata={"ownerReferences": [OWNER]})
    live = obj("Service", {}, metadata={"ownerReferences": [OTHER_OWNER]})
    assert differences(desired, live) == ["metadata.ownerReferences"]
    assert merge(desired, live)["metadata"]["ownerReferences"] == [OWNER, OTHER_OWNER]
    released = obj("PersistentVolumeClaim", {"resources": {"requests": {"storage": "1Gi"}}})
    live = {**released, "metadata": {**released["metadata"], "ownerReferences": [OWNER, OTHER_OWNER]}}
    assert differences(released, live) == ["metadata.ownerReferences"]
    assert merge(released, live)["metadata"]["ownerReferences"] == [OTHER_OWNER]


def test_a_service_account_keeps_its_pull_secrets() -> None:
    live = obj("ServiceAccount", imagePullSecrets=[{"name": "a"}])
    assert differences(obj("ServiceAccount"), live) == []
    assert merge(obj("ServiceAccount"), live)["imagePullSecrets"] == [{"name": "a"}]


def test_a_config_map_has_exactly_the_desired_data() -> None:
    desired = obj("ConfigMap", data={"a": "1"})
    assert differences(desired, obj("ConfigMap", data={"a": "1"}, immutable=True)) == []
    assert differences(desired, obj("ConfigMap", data={"a": "1", "b": "2"})) == ["data"]
    assert "data" in differences(desired, obj("ConfigMap", data={"a": "1"}, binaryData={"b": "Mg=="}))


def test_data_of_a_secret_is_not_compared_but_immutability_is() -> None:
    desired = obj("Secret", type="Opaque", immutable=True)
    assert differences(desired, obj("Secret", type="Opaque", immutable=True, data={"a": "MQ=="})) == []
    assert differences(desired, obj("Secret", type="Opaque")) == ["immutable"]


@pytest.mark.parametrize(("live", "expected"), [("1Gi", ["spec.resources.requests.storage"]), ("2Gi", []), ("3Gi", [])])
def test_a_claim_only_grows(live: str, expected: list[str]) -> None:
    desired = obj("PersistentVolumeClaim", {"resources": {"requests": {"storage": "2Gi"}}, "accessModes": ["new"]})
    found = obj("PersistentVolumeClaim", {"resources": {"requests": {"storage": live}}, "volumeName": "v"})
    assert differences(desired, found) == expected
    written = merge(desired, found)["spec"]
    assert (written["volumeName"], "accessModes" in written) == ("v", False)
    assert written["resources"]["requests"]["storage"] == ("2Gi" if expected else live)


def test_other_controllers_may_add_fields_to_a_certificate() -> None:
    desired = obj("Certificate", {"dnsNames": ["a", "b"], "keystores": {"pkcs12": {"create": True, "profile": "P"}}})
    spec = {"dnsNames": ["b", "a"], "keystores": {"pkcs12": {"create": True}}, "revisionHistoryLimit": 1}
    assert differences(desired, obj("Certificate", spec)) == []
    assert differences(desired, obj("Certificate", {**spec, "dnsNames": ["a"]})) == ["spec.dnsNames"]
    assert merge(desired, obj("Certificate", spec))["spec"]["revisionHistoryLimit"] == 1


@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        ("ClusterIP", {"sessionAffinity"}),
        ("NodePort", {"sessionAffinity", "externalTrafficPolicy"}),
        ("LoadBalancer", {"sessionAffinity", "externalTrafficPolicy", "loadBalancerSourceRanges"}),
    ],
)
def test_a_service_keeps_how_its_traffic_is_distributed(kind: str, kept: set[str]) -> None:
    traffic = {
        "sessionAffinity": "ClientIP",
        "externalTrafficPolicy": "Local",
        "loadBalancerSourceRanges": ["10.0.0.0/8"],
    }
    desired = obj("Service", {"type": kind, "ports": [{"port": 1}]})
    live = obj("Service", {"type": kind, "ports": [{"port": 1}], **traffic})
    assert differences(desired, live) == []
    written = merge(desired, obj("Service", {"type": "LoadBalancer", "ports": [], **traffic}))["spec"]
    assert {name: written[name] for name in set(written) - {"type", "ports"}} == {name: traffic[name] for name in kept}


def test_a_path_that_does_not_exist_has_no_value() -> None:
    assert at({"spec": {"a": 1}}, "spec.a") == 1
    assert at({"spec": None}, "spec.a.b") is None
