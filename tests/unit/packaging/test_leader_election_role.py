"""The Role for leader election is limited to one Lease, and bound to the operator."""

from __future__ import annotations

from cryostat_operator.packaging import leader_election_role, roles
from tests.unit.packaging.permissions import allowed


def test_only_the_lease_of_the_election_may_be_changed() -> None:
    rules = leader_election_role.leader_election_rules()
    named, unnamed = ([rule for rule in rules if ("resourceNames" in rule) is has] for has in (True, False))
    assert {verb for rule in unnamed for verb in rule["verbs"]} == {"create"}
    assert {name for rule in named for name in rule["resourceNames"]} == {"d696d7ab.redhat.com"}
    assert not allowed(roles.operator_rules(), "coordination.k8s.io", "leases")


def test_the_role_is_bound_to_the_operator_in_its_namespace() -> None:
    labels = {"app.kubernetes.io/name": "cryostat-operator"}
    role, binding = leader_election_role.leader_election("here", "operator", labels)
    assert (role["kind"], binding["kind"]) == ("Role", "RoleBinding")
    assert role["rules"] == leader_election_role.leader_election_rules()
    assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) == ("Role", role["metadata"]["name"])
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "operator", "namespace": "here"}]
    for obj in (role, binding):
        assert (obj["metadata"]["namespace"], obj["metadata"]["labels"]) == ("here", labels)
