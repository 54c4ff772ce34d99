"""The ClusterServiceVersion: images, webhooks and metadata, and examples that pass the scorecard."""

from __future__ import annotations

import base64
import json
from xml.etree import ElementTree

import pytest

from cryostat_operator.images import AGENT_VERSION, CRYOSTAT_VERSION, IMAGES
from cryostat_operator.packaging import bundle, install_names
from cryostat_operator.packaging.clusterserviceversion import bound_roles, clusterserviceversion
from cryostat_operator.plan.model import webhook_definitions
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.webhook_definitions import WebhookPaths
from cryostat_operator.settings import WEBHOOK_CERTIFICATES, Settings

FEATURES = (
    *("disconnected", "fips-compliant", "proxy-aware", "tls-profiles", "cnf", "cni", "csi"),
    *("token-auth-aws", "token-auth-azure", "token-auth-gcp"),
)


@pytest.fixture(scope="module")
def csv() -> Obj:
    return clusterserviceversion()


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
    assert (conversion["sideEffects"], conversion["admissionReviewVersions"]) == ("None", ["v1"])
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


def test_olm_v1_is_recognized(csv: Obj) -> None:
    """It sets no variable: without that of the bundle, the operator would register webhooks without permission."""
    (container,) = csv["spec"]["install"]["spec"]["deployments"][0]["spec"]["template"]["spec"]["containers"]
    assert Settings.from_env({each["name"]: each.get("value", "") for each in container["env"]}).olm


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


def test_olm_binds_only_the_roles_of_the_operator() -> None:
    """It registers the webhooks itself, so the role for that is not bound."""
    assert [role["metadata"]["name"] for role in bound_roles("ClusterRole")] == [install_names.CLUSTER_ROLE]
    [role] = bound_roles("Role")
    assert role["metadata"]["name"] == f"{Settings().name_prefix}leader-election-role"


# --- checks of `operator-sdk scorecard` on the examples ---


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
