"""The pods of the operator: restricted, on different nodes, and found by the selectors of other objects."""

from __future__ import annotations

from cryostat_operator.images import IMAGES
from cryostat_operator.packaging import install_names, operator_deployment
from cryostat_operator.plan.workloads import LINUX_NODES


def test_the_deployment_is_restricted_and_sets_the_images() -> None:
    deployment = operator_deployment.deployment()
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert deployment["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    assert pod["spec"]["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert {env["name"]: env.get("value") for env in container["env"]}.items() >= dict(IMAGES.values()).items()


def test_probes_find_a_ready_replica_soon_and_a_failed_one_after_half_a_minute() -> None:
    (container,) = operator_deployment.deployment()["spec"]["template"]["spec"]["containers"]
    probe = container["readinessProbe"]
    assert probe["periodSeconds"] <= 2
    assert probe["periodSeconds"] * probe["failureThreshold"] == 30


def test_the_selector_never_changes() -> None:
    selector = operator_deployment.deployment()["spec"]["selector"]["matchLabels"]
    assert selector == {"app.kubernetes.io/name": "cryostat-operator", "app.kubernetes.io/component": "operator"}


def test_replicas_avoid_each_other_by_the_labels_that_they_have() -> None:
    deployment = operator_deployment.deployment()
    pod = deployment["spec"]["template"]
    [preferred] = pod["spec"]["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    budget = operator_deployment.disruption_budget()
    for selector in (preferred["podAffinityTerm"]["labelSelector"], budget["spec"]["selector"]):
        assert selector["matchLabels"].items() <= pod["metadata"]["labels"].items()


def test_the_operator_avoids_windows_nodes_and_variables_about_services() -> None:
    pod = operator_deployment.deployment()["spec"]["template"]["spec"]
    assert pod["affinity"]["nodeAffinity"] == LINUX_NODES
    assert pod["enableServiceLinks"] is False


def test_the_namespace_enforces_restricted_pods() -> None:
    labels = operator_deployment.namespace()["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_connections_are_allowed_to_the_two_ports_only() -> None:
    spec = operator_deployment.network_policy()["spec"]
    template = operator_deployment.deployment()["spec"]["template"]
    [container] = template["spec"]["containers"]
    [rule] = spec["ingress"]
    assert spec["policyTypes"] == ["Ingress"]
    assert {each["port"] for each in rule["ports"]} == {each["containerPort"] for each in container["ports"]}
    assert spec["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()


def test_the_pod_uses_its_service_account_and_knows_its_namespace() -> None:
    pod = operator_deployment.deployment()["spec"]["template"]["spec"]
    assert pod["serviceAccountName"] == operator_deployment.service_account()["metadata"]["name"]
    [variable] = [env for env in pod["containers"][0]["env"] if env["name"] == "OPERATOR_NAMESPACE"]
    assert variable["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    assert operator_deployment.deployment()["metadata"]["namespace"] == install_names.NAMESPACE
