"""ServiceAccount and bindings."""

from __future__ import annotations

from dataclasses import replace

from cryostat_operator.api import constants
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.snapshot import NamespaceState
from tests.unit.cluster_state import NAME, NAMESPACE, ClusterState, changes, cryostat, find, reasons, settled

BINDING = names.instance_hash_name(NAMESPACE, NAME)
CALLBACK = names.agent_callback_service(NAMESPACE, NAME)
TWO = {"targetNamespaces": ["a", "b"]}


def test_every_target_namespace_gets_a_binding_and_a_callback_service() -> None:
    plan = settled(TWO).plan
    for kind, name in (("RoleBinding", BINDING), ("Service", CALLBACK)):
        assert {key.namespace for key in plan.objects if key[0::2] == (kind, name)} == {"a", "b"}


def test_objects_in_other_namespaces_have_ownership_labels_and_no_owner_reference() -> None:
    for kind, name in (("RoleBinding", BINDING), ("Service", CALLBACK)):
        metadata = find(settled(TWO).plan, kind, name, "a")["metadata"]
        assert "ownerReferences" not in metadata
        assert metadata["labels"].items() >= {constants.LABEL_NAME: NAME, constants.LABEL_NAMESPACE: NAMESPACE}.items()


def test_no_target_namespaces_mean_the_own_one() -> None:
    assert changes(settled().plan, settled({"targetNamespaces": []}).plan) == {}
    assert Key("RoleBinding", NAMESPACE, BINDING) in settled().plan.objects


def test_a_missing_namespace_blocks_only_its_own_objects() -> None:
    state = settled(TWO)
    known = dict(state.snapshot.namespaces)
    del known["b"]
    state.snapshot = replace(state.snapshot, namespaces={**known, "a": NamespaceState(terminating=True)})
    plan = state.plan
    assert plan.blocked[Key("RoleBinding", "b", BINDING)].problem.reason == "NamespaceNotFound"
    assert plan.blocked[Key("Service", "b", CALLBACK)].problem.reason == "NamespaceNotFound"
    assert plan.blocked[Key("RoleBinding", "a", BINDING)].problem.reason == "NamespaceTerminating"
    assert reasons(plan.problems) == {"NamespaceNotFound", "NamespaceTerminating"}
    assert set(settled(TWO).plan.objects) - set(plan.objects) == set(plan.blocked)
    policy = find(plan, "NetworkPolicy", "sample-internal-ingress")
    [agents] = policy["spec"]["ingress"][1]["from"]
    assert agents["namespaceSelector"]["matchExpressions"][0]["values"] == ["a", "b"]


def test_roles_are_those_of_the_installation() -> None:
    state = ClusterState(cryostat())
    state.settings = replace(state.settings, name_prefix="other-")
    assert find(state.plan, "RoleBinding", BINDING)["roleRef"]["name"] == "other-cryostat-namespaced"
    state.openshift = True
    state.snapshot = replace(state.snapshot, openshift=True)
    assert find(state.plan, "ClusterRoleBinding", BINDING, "")["roleRef"]["name"] == "other-cryostat"


def test_only_openshifts_proxy_may_review_tokens() -> None:
    key = Key("ClusterRoleBinding", "", BINDING)
    assert key not in settled().plan.objects
    assert key in settled(openshift=True).plan.objects
    without_oauth = settled(openshift=True)
    without_oauth.snapshot = replace(without_oauth.snapshot, authentication_type="OIDC")
    assert key not in without_oauth.plan.objects
    live = without_oauth.snapshot.live[key]
    live["metadata"]["uid"] = "of the binding"
    found = diff(without_oauth.plan, without_oauth.snapshot, "").changes
    assert ("delete", key) in [(change.verb, change.key) for change in found]


def test_on_openshift_the_account_is_an_oauth_client_of_the_route() -> None:
    account = find(settled(openshift=True).plan, "ServiceAccount", NAME)
    assert account["metadata"]["annotations"] == {
        "serviceaccounts.openshift.io/oauth-redirectreference.route": (
            '{"metadata":{"creationTimestamp":null},"reference":{"group":"","kind":"Route","name":"sample"}}'
        )
    }
    assert "annotations" not in find(settled().plan, "ServiceAccount", NAME)["metadata"]


def test_a_namespace_that_is_not_served_blocks_only_its_own_objects() -> None:
    state = settled(TWO)
    state.snapshot = replace(state.snapshot, not_served=frozenset({"b"}))
    state.settings = replace(state.settings, watch_namespaces=(NAMESPACE, "a"))
    plan = state.plan
    assert Key("RoleBinding", "a", BINDING) in plan.objects
    problem = plan.blocked[Key("RoleBinding", "b", BINDING)].problem
    assert (problem.reason, problem.message) == (
        "NamespaceNotServed",
        "Target namespace b is not served by the operator. "
        "The operator serves only namespaces that an administrator chose. "
        "Ask an administrator to add the namespace to WATCH_NAMESPACES of the operator, "
        "or remove it from spec.targetNamespaces.",
    )
    state.settings = replace(state.settings, watch_namespaces=(NAMESPACE, "a", "b"))
    assert state.plan.blocked[Key("RoleBinding", "b", BINDING)].problem.message == (
        "Target namespace b is not served by the operator. The operator lacks permissions there. "
        "Ask an administrator to bind the ClusterRole cryostat-operator-chosen-namespace there to the ServiceAccount "
        "of the operator, or remove it from spec.targetNamespaces."
    )
    state.snapshot = replace(state.snapshot, namespaces={"a": NamespaceState(), NAMESPACE: NamespaceState()})
    assert state.plan.blocked[Key("RoleBinding", "b", BINDING)].problem.reason == "NamespaceNotFound"
