"""The OLM bundle equals the installation, and contains only what OLM supports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cryostat_operator.packaging import bundle, install, install_names, operator_deployment, roles
from cryostat_operator.packaging.clusterserviceversion import bound_roles
from cryostat_operator.packaging.webhook_manifests import CONFIGURATIONS
from cryostat_operator.settings import INSTALLED_BY_OLM, Settings

Obj = dict[str, Any]
ROOT = Path(__file__).parents[3] / "bundle"


@pytest.fixture(scope="module")
def csv() -> Obj:
    found: Obj = yaml.safe_load((ROOT / "manifests/cryostat-operator.clusterserviceversion.yaml").read_text())
    return found


# --- comparison with manifests/ ---


def test_the_deployment_equals_that_of_the_installation(csv: Obj) -> None:
    (deployment,) = csv["spec"]["install"]["spec"]["deployments"]
    assert deployment["name"] == install_names.DEPLOYMENT
    wanted = operator_deployment.deployment()["spec"]
    wanted["template"]["spec"]["containers"][0]["env"].append({"name": INSTALLED_BY_OLM, "value": "true"})
    assert deployment["spec"] == wanted


def test_the_permissions_equal_those_of_the_installation_without_registering_webhooks(csv: Obj) -> None:
    spec = csv["spec"]["install"]["spec"]
    (cluster,) = spec["clusterPermissions"]
    assert cluster == {"serviceAccountName": install_names.SERVICE_ACCOUNT, "rules": roles.operator_rules()}
    namespaced = [rule for each in spec["permissions"] for rule in each["rules"]]
    assert namespaced == [rule for role in bound_roles("Role") for rule in role["rules"]]
    assert any("leases" in rule["resources"] for rule in namespaced)
    assert "admissionregistration.k8s.io" not in json.dumps(spec)


def test_every_role_of_the_installation_is_in_the_bundle(csv: Obj) -> None:
    objects = [obj for objects in install.installation().values() for obj in objects]
    roles = [obj for obj in objects if obj["kind"] in ("Role", "ClusterRole")]
    spec = csv["spec"]["install"]["spec"]
    rules = [each["rules"] for each in (*spec["clusterPermissions"], *spec["permissions"])]
    rules += [obj["rules"] for obj in bundle.additional_objects() if obj["kind"] == "ClusterRole"]
    missing = [role["metadata"]["name"] for role in roles if role["rules"] not in rules]
    assert missing == [f"{Settings().name_prefix}webhook-registration"]


def test_additional_objects_are_those_that_olm_does_not_create() -> None:
    kinds = {(obj["kind"], obj["metadata"]["name"]) for obj in bundle.additional_objects()}
    assert ("ClusterRole", Settings().cluster_role) in kinds
    assert ("ClusterRole", Settings().namespaced_cluster_role) in kinds
    assert not {kind for kind, _ in kinds} & {"ServiceAccount", "Deployment", "Namespace"}
    assert not {name for _, name in kinds} & {*CONFIGURATIONS, Settings().webhook_service, install_names.CLUSTER_ROLE}
    assert not [obj for obj in bundle.additional_objects() if "namespace" in obj["metadata"]]


# --- support by OLM ---


def test_olm_is_recognized() -> None:
    assert Settings.from_env({"OPERATOR_CONDITION_NAME": "cryostat-operator.v1.0.0"}).olm
    assert not Settings.from_env({}).olm


def test_olm_v1_supports_the_bundle(csv: Obj) -> None:
    """The checks with which OLM v1 refuses a bundle (its limitations and the validators of `registry+v1` bundles)."""
    spec = csv["spec"]
    assert {mode["type"]: mode["supported"] for mode in spec["installModes"]}["AllNamespaces"]
    assert sorted(path.name for path in (ROOT / "metadata").iterdir()) == ["annotations.yaml"]  # no dependencies
    assert "olm.properties" not in csv["metadata"]["annotations"]
    assert not [path for path in (ROOT / "manifests").iterdir() if path.is_dir()]
    webhooks = spec["webhookdefinitions"]
    # Each becomes a configuration of this name, which the API server accepts only as a name in three parts.
    names = [(each["type"], each["generateName"]) for each in webhooks]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]+(\.[a-z0-9]+){2,}", name) for _, name in names)
    conversions = [each for each in webhooks if each["type"] == "ConversionWebhook"]
    owned_definitions = {each["name"] for each in spec["customresourcedefinitions"]["owned"]}
    assert [each["conversionCRDs"] for each in conversions] == [[bundle.definition()["metadata"]["name"]]]
    assert set(conversions[0]["conversionCRDs"]) == owned_definitions
    assert not bundle.definition()["spec"].get("preserveUnknownFields")
    groups = {group for each in webhooks for rule in each.get("rules", ()) for group in rule["apiGroups"]}
    assert not groups & {"*", "olm.operatorframework.io", "admissionregistration.k8s.io"}
    assert {obj["kind"] for obj in bundle.additional_objects()} <= {"ClusterRole", "PodDisruptionBudget", "Service"}


def test_labels_of_the_image_are_the_annotations() -> None:
    annotations = yaml.safe_load((ROOT / "metadata/annotations.yaml").read_text())["annotations"]
    lines = (ROOT / "bundle.Dockerfile").read_text().splitlines()
    labels = dict(line.removeprefix("LABEL ").split("=", 1) for line in lines if line.startswith("LABEL "))
    assert labels == annotations
    for line in lines:
        if line.startswith("COPY "):
            assert (ROOT / line.split()[1]).is_dir()


def test_the_scorecard_runs_six_checks() -> None:
    """`test_clusterserviceversion.py` has five, and tests/programs/test_olm_check.py `olm-bundle-validation`."""
    config = yaml.safe_load((ROOT / "tests/scorecard/config.yaml").read_text())
    entrypoints = [test["entrypoint"][1] for stage in config["stages"] for test in stage["tests"]]
    assert len(entrypoints) == len(set(entrypoints)) == 6
