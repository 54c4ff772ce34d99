"""The roles of an installation for chosen namespaces, and the files of its overlay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cryostat_operator.packaging import namespaces_overlay, roles
from cryostat_operator.packaging.install_names import CLUSTER_ROLE, NAMESPACE, SERVICE_ACCOUNT
from cryostat_operator.settings import Settings

FOLDER = Path(__file__).parents[3] / "overlays/namespaces"
CLUSTER = namespaces_overlay.cluster_role()
CHOSEN = namespaces_overlay.chosen_namespace_role()
OTHERS = namespaces_overlay.other_roles()


def permissions(rules: list[dict[str, Any]]) -> set[tuple[str, str, str, str]]:
    return {
        (group, resource, verb, name)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames") or [""]
    }


def test_both_roles_together_have_the_permissions_of_the_operator() -> None:
    endpoints = {(*each, "") for each in (("discovery.k8s.io", "endpointslices", verb) for verb in ("list", "watch"))}
    whole, chosen = permissions(CLUSTER["rules"]), permissions(CHOSEN["rules"])
    assert not whole & chosen
    assert whole | chosen | endpoints == permissions(roles.operator_rules())
    assert CLUSTER["metadata"]["name"] == CLUSTER_ROLE
    assert CHOSEN["metadata"]["name"] == Settings().chosen_namespace_cluster_role


def test_the_cluster_role_has_nothing_that_a_namespace_contains_but_cryostats() -> None:
    resources = {resource for rule in CLUSTER["rules"] for resource in rule["resources"]}
    assert resources == {
        "apiservices", "authentications", "clusterrolebindings", "consolelinks", "consolequickstarts",
        "consoleyamlsamples", "cryostats", "cryostats/status", "customresourcedefinitions", "ingressclasses",
        "namespaces", "subjectaccessreviews", "tokenreviews",
    }  # fmt: skip


def test_the_other_roles_are_small() -> None:
    granted = {role["metadata"]["namespace"]: permissions(role["rules"]) for role in OTHERS if role["kind"] == "Role"}
    assert set(granted) == {NAMESPACE, "default", "kube-system"}
    assert granted["kube-system"] == {
        ("", "configmaps", "get", "cluster-config-v1"),
        ("", "configmaps", "get", "extension-apiserver-authentication"),
    }
    readable = {name for _, resource, verb, name in granted[NAMESPACE] if resource == "secrets" and verb != "create"}
    assert readable == {Settings().webhook_secret}


def test_every_binding_is_for_the_account_of_the_operator() -> None:
    written = list(yaml.safe_load_all((FOLDER / "bindings.yaml").read_text()))
    assert {each["roleRef"]["name"] for each in written} == {CHOSEN["metadata"]["name"]}
    for each in [*written, *(obj for obj in OTHERS if obj["kind"] == "RoleBinding")]:
        assert each["subjects"] == [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE}]


def test_the_namespaces_of_the_bindings_are_those_of_the_variable() -> None:
    bound = {each["metadata"]["namespace"] for each in yaml.safe_load_all((FOLDER / "bindings.yaml").read_text())}
    patch = yaml.safe_load((FOLDER / "watch-namespaces.yaml").read_text())
    [container] = patch["spec"]["template"]["spec"]["containers"]
    [variable] = container["env"]
    settings = Settings.from_env({variable["name"]: variable["value"]})
    assert set(settings.watch_namespaces) == bound
