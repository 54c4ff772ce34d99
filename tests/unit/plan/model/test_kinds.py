"""The table of kinds, the identity of objects, and their URL paths."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.model import kinds
from cryostat_operator.plan.model.kinds import KINDS, Key, Kind, key_of, path_of, resource_path, spec_hash_of


@pytest.mark.parametrize(
    ("key", "path"),
    [
        (Key("Secret", "here", "a"), "/api/v1/namespaces/here/secrets/a"),
        (Key("Deployment", "here", "a"), "/apis/apps/v1/namespaces/here/deployments/a"),
        (Key("NetworkPolicy", "here", "a"), "/apis/networking.k8s.io/v1/namespaces/here/networkpolicies/a"),
        (Key("ConsoleLink", "", "a"), "/apis/console.openshift.io/v1/consolelinks/a"),
    ],
)
def test_paths_of_objects(key: Key, path: str) -> None:
    assert path_of(key) == path


def test_paths_of_collections() -> None:
    assert kinds.collection_path("Secret") == "/api/v1/secrets"
    assert kinds.collection_path("CronJob", "here") == "/apis/batch/v1/namespaces/here/cronjobs"
    assert resource_path("", "v1", "namespaces", name="here") == "/api/v1/namespaces/here"


def test_paths_of_cryostats() -> None:
    root = "/apis/operator.cryostat.io/v1beta2"
    assert kinds.cryostat_path() == f"{root}/cryostats"
    assert kinds.cryostat_path("here") == f"{root}/namespaces/here/cryostats"
    assert kinds.cryostat_path("here", "a") == f"{root}/namespaces/here/cryostats/a"


def test_the_identity_of_an_object_is_its_kind_namespace_and_name() -> None:
    metadata = {"namespace": "here", "name": "a"}
    assert key_of({"kind": "Secret", "metadata": metadata}) == Key("Secret", "here", "a")
    assert key_of({"metadata": metadata}, "Secret") == Key("Secret", "here", "a")
    for namespace in ({}, {"namespace": None}):
        assert key_of({"kind": "ConsoleLink", "metadata": {"name": "a", **namespace}}) == Key("ConsoleLink", "", "a")


def test_a_key_is_shown_with_its_namespace_if_it_has_one() -> None:
    assert str(Key("Secret", "here", "a")) == "Secret here/a"
    assert str(Key("ConsoleLink", "", "a")) == "ConsoleLink a"


def test_a_changed_object_has_another_hash() -> None:
    assert spec_hash_of({"a": [1]}) != spec_hash_of({"a": [2]})


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.kind)
def test_kinds_that_a_cluster_may_not_serve_are_optional(kind: Kind) -> None:
    """Kinds of Kubernetes are served by every cluster, those of OpenShift and cert-manager are not."""
    is_of_kubernetes = "." not in kind.group or kind.group.endswith(".k8s.io")
    assert kind.optional == (not is_of_kubernetes)
    assert kind.api_version == (f"{kind.group}/v1" if kind.group else "v1")


def test_only_claims_are_retained_and_no_role_is_created() -> None:
    assert [name for name, kind in KINDS.items() if kind.retained] == ["PersistentVolumeClaim"]
    assert [name for name, kind in KINDS.items() if "create" not in kind.verbs] == ["Role"]
    assert [name for name, kind in KINDS.items() if not kind.namespaced] == ["ClusterRoleBinding", "ConsoleLink"]
