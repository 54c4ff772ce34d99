"""The Service and the configurations of the webhooks, and the role to register them."""

from __future__ import annotations

from cryostat_operator.api import constants
from cryostat_operator.packaging import install_names, operator_deployment, webhook_manifests
from cryostat_operator.packaging.webhook_manifests import CONFIGURATIONS
from tests.unit.packaging.permissions import allowed

LABELS = {"app.kubernetes.io/name": "cryostat-operator"}
ADMISSION = "admissionregistration.k8s.io"


def test_the_service_has_the_port_and_the_pods_of_the_deployment() -> None:
    service = webhook_manifests.service("here", LABELS, install_names.SELECTOR)
    template = operator_deployment.deployment()["spec"]["template"]
    assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    [port] = service["spec"]["ports"]
    ports = {each["name"]: each["containerPort"] for each in template["spec"]["containers"][0]["ports"]}
    assert ports[port["targetPort"]] == install_names.WEBHOOK_PORT
    assert webhook_manifests.client_config("here", "/convert")["service"] == {
        "name": service["metadata"]["name"],
        "namespace": service["metadata"]["namespace"],
        "path": "/convert",
        "port": port["port"],
    }


def test_configurations_have_no_webhooks_before_the_operator_runs() -> None:
    """No Cryostat could be written until the operator serves them."""
    found = webhook_manifests.configurations(LABELS)
    assert [obj["kind"] for obj in found] == ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"]
    assert [obj["metadata"] for obj in found] == [{"name": name, "labels": LABELS} for name in CONFIGURATIONS]
    assert not any("webhooks" in obj for obj in found)


def test_the_manifest_has_the_service_before_the_configurations() -> None:
    objects = webhook_manifests.objects("here", LABELS, install_names.SELECTOR)
    assert objects[0]["kind"] == "Service"
    assert objects[1:] == webhook_manifests.configurations(LABELS)


def test_only_the_configurations_and_the_crd_of_the_operator_may_be_changed() -> None:
    rules = webhook_manifests.registration_role(LABELS)["rules"]
    named, unnamed = ([rule for rule in rules if ("resourceNames" in rule) is has] for has in (True, False))
    assert {name for rule in named for name in rule["resourceNames"]} == {
        *CONFIGURATIONS,
        f"{constants.PLURAL}.{constants.GROUP}",
    }
    assert {verb for rule in named for verb in rule["verbs"]} == {"get", "patch"}
    for resource in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        assert allowed(unnamed, ADMISSION, resource) == {"create"}
    assert not allowed(unnamed, "apiextensions.k8s.io", "customresourcedefinitions")
