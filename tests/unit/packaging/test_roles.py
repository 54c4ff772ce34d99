"""The roles of the operator, of instances and of authors grant what is needed, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api.required_permissions import required_permissions
from cryostat_operator.packaging import roles
from cryostat_operator.plan.model.kinds import KINDS
from tests.unit.packaging.permissions import allowed


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


def test_the_exposure_role_covers_all_fields_that_expose_an_instance() -> None:
    spec = {
        "networkOptions": {"coreConfig": {"ingressSpec": {"rules": []}, "labels": {"a": "b"}, "externalHost": "h"}},
        "serviceOptions": {"coreConfig": {"serviceType": "NodePort"}},
        "networkPolicies": {"coreConfig": {"ingressDisabled": True}},
    }
    obj = {"metadata": {"name": "a", "namespace": "n"}, "spec": spec}
    granted = [rule for role in roles.author_cluster_roles() for rule in role["rules"]]
    for openshift in (False, True):
        needed = required_permissions(obj, None, openshift=openshift)
        assert needed
        for each in needed:
            resource = f"{each.resource}/{each.subresource}" if each.subresource else each.resource
            assert each.verb in allowed(granted, each.group, resource), str(each)


def test_resources_with_the_same_verbs_share_a_rule() -> None:
    rules = [
        roles.Rule("apps", "deployments", ("get",)),
        roles.Rule("", "pods", ("get", "list")),
        roles.Rule("apps", "daemonsets", ("get",)),
        roles.Rule("apps", "deployments", ("patch",), ("a", "b")),
    ]
    assert roles.policy_rules(rules) == [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
        {"apiGroups": ["apps"], "resources": ["daemonsets", "deployments"], "verbs": ["get"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": ["a", "b"], "verbs": ["patch"]},
    ]
