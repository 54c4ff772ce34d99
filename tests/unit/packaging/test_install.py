"""The installation: least privilege, a restricted pod, and role names that bindings of the Go operator refer to."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api.required_permissions import required_permissions
from cryostat_operator.images import IMAGES
from cryostat_operator.packaging import (
    install,
    install_names,
    leader_election_role,
    operator_deployment,
    roles,
)
from cryostat_operator.plan.model.kinds import KINDS
from cryostat_operator.plan.workloads import LINUX_NODES


def allowed(rules: list[dict[str, Any]], group: str, resource: str) -> set[str]:
    matching = [rule for rule in rules if group in rule["apiGroups"] and resource in rule["resources"]]
    return {verb for rule in matching for verb in rule["verbs"]}


def all_rules() -> list[dict[str, Any]]:
    both = [roles.operator_cluster_role(), *roles.instance_cluster_roles(), *roles.author_cluster_roles()]
    return [rule for role in both for rule in role["rules"]]


def test_no_wildcards_and_no_escalating_verbs() -> None:
    for rule in all_rules():
        assert "*" not in [*rule["verbs"], *rule["resources"], *rule["apiGroups"]]
        assert not {"impersonate", "escalate", "deletecollection"} & set(rule["verbs"])
    (bind,) = (rule for rule in all_rules() if "bind" in rule["verbs"])
    assert bind["resources"] == ["clusterroles"]
    roles_with_more = [role for role in roles.instance_cluster_roles() if not all(map(is_held, role["rules"]))]
    assert bind["resourceNames"] == [role["metadata"]["name"] for role in roles_with_more]


def is_held(rule: Any) -> bool:
    """Whether the operator itself has these permissions, so that it may bind a role with them."""
    return all(
        set(rule["verbs"]) <= allowed(roles.operator_rules(), group, resource)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_the_operator_has_the_permissions_for_every_owned_kind(kind: Any) -> None:
    assert allowed(roles.operator_rules(), kind.group, kind.plural) >= set(kind.verbs)
    for resource, verbs in kind.extra_rules:
        assert allowed(roles.operator_rules(), kind.group, resource) == set(verbs)


def test_the_operator_may_not_write_pods_or_specs() -> None:
    rules = roles.operator_rules()
    assert allowed(rules, "", "pods") == {"list", "watch"}
    assert allowed(rules, "", "namespaces") == {"list", "watch"}
    assert allowed(rules, "operator.cryostat.io", "cryostats") == {"get", "list", "watch", "patch"}
    assert not allowed(rules, "", "pods/exec")
    assert "create" not in allowed(rules, "rbac.authorization.k8s.io", "roles")


def test_instances_are_bound_to_small_roles() -> None:
    reviews, discovery, backup = roles.instance_cluster_roles()
    assert reviews["metadata"]["name"] == "cryostat-operator-cryostat"
    assert {verb for rule in reviews["rules"] for verb in rule["verbs"]} == {"create"}
    assert discovery["metadata"]["name"] == "cryostat-operator-cryostat-namespaced"
    assert {verb for rule in discovery["rules"] for verb in rule["verbs"]} == {"get", "list", "watch"}
    assert not allowed(discovery["rules"], "", "secrets")
    assert backup["metadata"]["name"] == "cryostat-operator-backup"
    assert allowed(backup["rules"], "", "pods/exec") == {"create", "get"}
    assert allowed(backup["rules"], "", "secrets") == {"get"}
    assert not {"update", "patch", "delete", "watch"} & {verb for rule in backup["rules"] for verb in rule["verbs"]}


def test_authors_may_write_cryostats_but_no_status_and_are_bound_by_administrators() -> None:
    author, exposure = roles.author_cluster_roles()
    assert allowed(author["rules"], "operator.cryostat.io", "cryostats") == {
        "create", "delete", "get", "list", "patch", "update", "watch",
    }  # fmt: skip
    assert {resource for rule in author["rules"] for resource in rule["resources"]} == {"cryostats"}
    assert {verb for rule in exposure["rules"] for verb in rule["verbs"]} == {"create"}
    for role in (author, exposure):
        assert set(role["metadata"]["labels"]) == {"app.kubernetes.io/name", "app.kubernetes.io/part-of"}


def test_only_the_operator_may_write_the_status() -> None:
    """The status records the reviewed namespaces."""
    installed = [obj for objects in install.installation().values() for obj in objects]
    writers = [
        obj["metadata"]["name"]
        for obj in installed
        if obj["kind"] in ("ClusterRole", "Role")
        and allowed(obj["rules"], "operator.cryostat.io", "cryostats/status") - {"get"}
    ]
    assert writers == [install_names.CLUSTER_ROLE]


def test_the_exposure_role_covers_all_fields_that_expose_an_instance() -> None:
    spec = {
        "networkOptions": {"coreConfig": {"ingressSpec": {"rules": []}, "labels": {"a": "b"}, "externalHost": "h"}},
        "serviceOptions": {"coreConfig": {"serviceType": "NodePort"}},
        "networkPolicies": {"coreConfig": {"ingressDisabled": True}},
    }
    obj = {"metadata": {"name": "a", "namespace": "n"}, "spec": spec}
    granted = [rule for role in roles.author_cluster_roles() for rule in role["rules"]]
    for openshift in (False, True):
        for each in required_permissions(obj, None, openshift=openshift):
            resource = f"{each.resource}/{each.subresource}" if each.subresource else each.resource
            assert each.verb in allowed(granted, each.group, resource), str(each)


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


def test_only_the_lease_of_the_election_may_be_changed() -> None:
    rules = leader_election_role.leader_election_rules()
    named, unnamed = ([rule for rule in rules if ("resourceNames" in rule) is has] for has in (True, False))
    assert {verb for rule in unnamed for verb in rule["verbs"]} == {"create"}
    assert {name for rule in named for name in rule["resourceNames"]} == {"d696d7ab.redhat.com"}
    assert not allowed(roles.operator_rules(), "coordination.k8s.io", "leases")


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
