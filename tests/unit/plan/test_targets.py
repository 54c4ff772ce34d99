"""Target namespaces in which no objects can be created, and what to do about each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cryostat_operator.plan import targets
from cryostat_operator.plan.instance import Instance
from cryostat_operator.plan.model.snapshot import NamespaceState
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAMESPACE, ClusterState, cryostat

SHOP = {"targetNamespaces": ["shop"]}
EXISTS, TERMINATING = NamespaceState(uid="s2"), NamespaceState(True, {}, "s1")


def instance(shop: NamespaceState | None, settings: Settings | None = None, **snapshot: object) -> Instance:
    state = ClusterState(cryostat(SHOP), settings=settings or Settings())
    namespaces = {NAMESPACE: NamespaceState(uid="own"), **({"shop": shop} if shop else {})}
    state.snapshot = replace(state.snapshot, namespaces=namespaces, **snapshot)  # type: ignore[arg-type]
    return state.instance


def test_a_namespace_that_exists_has_no_problem() -> None:
    assert targets.problems(instance(EXISTS)) == {}


@pytest.mark.parametrize(
    ("found", "reason", "message"),
    [
        (
            instance(None),
            "NamespaceNotFound",
            "Target namespace shop does not exist. Create it, or remove it from spec.targetNamespaces.",
        ),
        (
            instance(TERMINATING),
            "NamespaceTerminating",
            "Target namespace shop is being deleted. Remove it from spec.targetNamespaces, or create it again "
            "afterwards.",
        ),
        (
            instance(None, Settings(watch_namespaces=(NAMESPACE,)), not_served=frozenset({"shop"})),
            "NamespaceNotServed",
            "Target namespace shop is not served by the operator. The operator serves only namespaces that an "
            "administrator chose. Ask an administrator to add the namespace to WATCH_NAMESPACES of the operator, or "
            "remove it from spec.targetNamespaces.",
        ),
        (
            instance(EXISTS, Settings(watch_namespaces=(NAMESPACE, "shop")), not_served=frozenset({"shop"})),
            "NamespaceNotServed",
            "Target namespace shop is not served by the operator. The operator lacks permissions there. Ask an "
            "administrator to bind the ClusterRole cryostat-operator-chosen-namespace there to the ServiceAccount of "
            "the operator, or remove it from spec.targetNamespaces.",
        ),
    ],
)
def test_the_problem_says_why_and_what_to_do(found: Instance, reason: str, message: str) -> None:
    [problem] = targets.problems(found).values()
    assert (problem.component, problem.reason, problem.message) == ("rbac", reason, message)
    assert list(targets.unreachable(found)) == ["shop"]


def test_objects_in_a_recreated_namespace_are_not_kept() -> None:
    found = instance(EXISTS, first_uids={"shop": "s1"})
    assert [problem.reason for problem in targets.problems(found).values()] == ["NamespaceRecreated"]
    assert targets.unreachable(found) == {}
