"""The OLM bundle equals the installation, and passes the checks of `operator-sdk scorecard`."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from cryostat_operator.images import AGENT_VERSION, CRYOSTAT_VERSION, IMAGES
from cryostat_operator.packaging import bundle, install, install_names, operator_deployment, roles
from cryostat_operator.packaging.clusterserviceversion import bound_roles, clusterserviceversion
from cryostat_operator.packaging.webhook_manifests import CONFIGURATIONS
from cryostat_operator.plan.model import webhook_definitions
from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from cryostat_operator.settings import INSTALLED_BY_OLM, WEBHOOK_CERTIFICATES, Settings

Obj = dict[str, Any]
ROOT = Path(__file__).parents[3] / "bundle"
FEATURES = (
    *("disconnected", "fips-compliant", "proxy-aware", "tls-profiles", "cnf", "cni", "csi"),
    *("token-auth-aws", "token-auth-azure", "token-auth-gcp"),
)


@pytest.fixture(scope="module")
def csv() -> Obj:
    found: Obj = yaml.safe_load((ROOT / "manifests/cryostat-operator.clusterserviceversion.yaml").read_text())
    return found


@pytest.fixture(scope="module")
def examples(csv: Obj) -> list[Obj]:
    found: list[Obj] = json.loads(csv["metadata"]["annotations"]["alm-examples"])
    return found


def owned(csv: Obj, example: Obj) -> Obj:
    crds: list[Obj] = csv["spec"]["customresourcedefinitions"]["owned"]
    (found,) = (crd for crd in crds if example["apiVersion"].endswith(f"/{crd['version']}"))
    return found


def schema(example: Obj) -> Obj:
    versions: list[Obj] = bundle.definition()["spec"]["versions"]
    (found,) = (each for each in versions if example["apiVersion"].endswith(f"/{each['name']}"))
    properties: Obj = found["schema"]["openAPIV3Schema"]["properties"]
    return properties


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


def test_related_images_are_those_of_the_deployment(csv: Obj) -> None:
    (container,) = csv["spec"]["install"]["spec"]["deployments"][0]["spec"]["template"]["spec"]["containers"]
    images = [env["value"] for env in container["env"] if env["name"].startswith("RELATED_IMAGE_")]
    related = [each["image"] for each in csv["spec"]["relatedImages"]]
    assert images.pop() == container["image"]  # the image of the operator itself
    assert related == [container["image"], *images]
    assert len(images) == len(IMAGES)
    assert csv["metadata"]["annotations"]["containerImage"] == container["image"]


def test_the_description_names_the_releases_that_are_deployed(csv: Obj) -> None:
    text = csv["spec"]["description"]
    assert f"deploys Cryostat {CRYOSTAT_VERSION} and injects the Cryostat agent {AGENT_VERSION}." in text
    assert "{" not in text


# --- webhooks ---


def test_every_webhook_is_defined_at_its_path(csv: Obj) -> None:
    found = {each["generateName"]: each for each in csv["spec"]["webhookdefinitions"]}
    wanted = {each["name"]: each for each in (*webhook_definitions.mutating(), *webhook_definitions.validating())}
    assert found.keys() - wanted.keys() == {"ccryostats.kb.io"}
    unsupported = ("name", "path", "matchConditions")  # fields that a ClusterServiceVersion does not have
    for name, webhook in wanted.items():
        assert found[name]["webhookPath"] == webhook["path"]
        assert {key: found[name].get(key) for key in webhook if key not in unsupported} == {
            key: value for key, value in webhook.items() if key not in unsupported
        }
    conversion = found["ccryostats.kb.io"]
    assert (conversion["webhookPath"], conversion["conversionCRDs"]) == (
        WebhookPaths.CONVERT,
        [bundle.definition()["metadata"]["name"]],
    )
    assert {each["deploymentName"] for each in found.values()} == {install_names.DEPLOYMENT}
    assert {(each["containerPort"], each["targetPort"]) for each in found.values()} == {
        (443, install_names.WEBHOOK_PORT)
    }


def test_the_certificate_of_olm_is_mounted_once(csv: Obj) -> None:
    pod = csv["spec"]["install"]["spec"]["deployments"][0]["spec"]["template"]["spec"]
    (mount,) = (each for each in pod["containers"][0]["volumeMounts"] if each["mountPath"] == WEBHOOK_CERTIFICATES)
    # OLM replaces the volume of this name.
    assert mount["name"] == "webhook-cert"


def test_olm_is_recognized() -> None:
    assert Settings.from_env({"OPERATOR_CONDITION_NAME": "cryostat-operator.v1.0.0"}).olm
    assert not Settings.from_env({}).olm


def test_olm_v1_is_recognized(csv: Obj) -> None:
    """It sets no variable: without that of the bundle, the operator would register webhooks without permission."""
    (container,) = csv["spec"]["install"]["spec"]["deployments"][0]["spec"]["template"]["spec"]["containers"]
    assert Settings.from_env({each["name"]: each.get("value", "") for each in container["env"]}).olm


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


# --- metadata for catalogs and the console ---


def test_only_the_install_mode_for_all_namespaces_is_supported(csv: Obj) -> None:
    modes = {mode["type"]: mode["supported"] for mode in csv["spec"]["installModes"]}
    assert modes == {"OwnNamespace": False, "SingleNamespace": False, "MultiNamespace": False, "AllNamespaces": True}


def test_every_feature_is_declared_and_disconnected_only_with_digests(
    csv: Obj, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = "features.operators.openshift.io/"
    features = {
        key.removeprefix(prefix): value for key, value in csv["metadata"]["annotations"].items() if prefix in key
    }
    assert features.keys() == set(FEATURES)
    pinned = all("@sha256:" in each["image"] for each in csv["spec"]["relatedImages"])
    assert features["disconnected"] == str(pinned).lower()
    digests = [{"name": "operator", "image": f"quay.io/x/y@sha256:{'0' * 64}"}]
    monkeypatch.setattr("cryostat_operator.packaging.clusterserviceversion.related_images", lambda: digests)
    assert clusterserviceversion()["metadata"]["annotations"][f"{prefix}disconnected"] == "true"


def test_the_pods_fit_the_scc_and_no_console_plugin_is_declared(csv: Obj) -> None:
    annotations = csv["metadata"]["annotations"]
    assert annotations["openshift.io/required-scc"] == "restricted-v2"
    assert "console.openshift.io/plugins" not in annotations


def test_the_icon_is_an_svg(csv: Obj) -> None:
    (icon,) = csv["spec"]["icon"]
    assert icon["mediatype"] == "image/svg+xml"
    assert ElementTree.fromstring(base64.b64decode(icon["base64data"])).tag.endswith("svg")


def test_labels_of_the_image_are_the_annotations() -> None:
    annotations = yaml.safe_load((ROOT / "metadata/annotations.yaml").read_text())["annotations"]
    lines = (ROOT / "bundle.Dockerfile").read_text().splitlines()
    labels = dict(line.removeprefix("LABEL ").split("=", 1) for line in lines if line.startswith("LABEL "))
    assert labels == annotations
    for line in lines:
        if line.startswith("COPY "):
            assert (ROOT / line.split()[1]).is_dir()


def test_the_catalog_has_the_texts_of_the_bundle(csv: Obj) -> None:
    package, channel, entry = yaml.safe_load_all((ROOT / "catalog/cryostat-operator/catalog.yaml").read_text())
    annotations = yaml.safe_load((ROOT / "metadata/annotations.yaml").read_text())["annotations"]
    assert package["defaultChannel"] == annotations["operators.operatorframework.io.bundle.channel.default.v1"]
    assert channel["entries"] == [{"name": csv["metadata"]["name"]}]
    presented = {each["type"]: each["value"] for each in entry["properties"]}["olm.csv.metadata"]
    assert presented["annotations"] == csv["metadata"]["annotations"]
    assert presented["crdDescriptions"] == csv["spec"]["customresourcedefinitions"]
    assert [each["image"] for each in entry["relatedImages"][1:]] == [
        each["image"] for each in csv["spec"]["relatedImages"]
    ]


# --- scorecard (tests/programs/test_olm_check.py has the check `olm-bundle-validation`) ---


def test_examples_are_minimal_and_one_for_each_version(csv: Obj, examples: list[Obj]) -> None:
    versions = [each["version"] for each in csv["spec"]["customresourcedefinitions"]["owned"]]
    assert [each["apiVersion"].split("/")[1] for each in examples] == versions
    assert json.loads(csv["metadata"]["annotations"]["operatorframework.io/initialization-resource"]) == examples[0]
    for example in examples:
        assert "{}" not in json.dumps(example)  # the console keeps this value
        assert "[]" not in json.dumps(example)


def test_basic_check_spec(examples: list[Obj]) -> None:
    for example in examples:
        assert example["spec"]


def test_olm_crds_have_validation(examples: list[Obj]) -> None:
    for example in examples:
        assert example["spec"].keys() <= schema(example)["spec"]["properties"].keys()


def test_olm_crds_have_resources(csv: Obj) -> None:
    for crd in csv["spec"]["customresourcedefinitions"]["owned"]:
        assert crd["resources"]


def test_olm_spec_descriptors(csv: Obj, examples: list[Obj]) -> None:
    for example in examples:
        described = {each["path"] for each in owned(csv, example)["specDescriptors"]}
        assert example["spec"].keys() <= described


def test_olm_status_descriptors(csv: Obj, examples: list[Obj]) -> None:
    for example in examples:
        described = {each["path"].split(".")[0].split("[")[0] for each in owned(csv, example)["statusDescriptors"]}
        assert described
        assert described <= schema(example)["status"]["properties"].keys()


def test_the_scorecard_runs_all_of_these() -> None:
    config = yaml.safe_load((ROOT / "tests/scorecard/config.yaml").read_text())
    entrypoints = [test["entrypoint"][1] for stage in config["stages"] for test in stage["tests"]]
    assert len(entrypoints) == len(set(entrypoints)) == 6
