"""Target namespaces that are missing, created, deleted, created again and removed: no object remains in them."""

from __future__ import annotations

from tests.cluster.api import Object, condition, eventually
from tests.cluster.scenario import Scenario, bindings_of, callback_of, ownership_labels


def has_access(scenario: Scenario, cr: Object, target: str) -> bool:
    """Whether the instance has its binding, Service and copies in a namespace."""
    binding = scenario.find("RoleBinding", target, bindings_of(cr))
    service = scenario.find("Service", target, callback_of(cr))
    assert bool(binding) == bool(service), (binding, service)
    return bool(binding)


def given(scenario: Scenario, cr: Object, target: str) -> None:
    eventually(lambda: has_access(scenario, cr, target), what=f"access to {target}")


def wait_until_empty(scenario: Scenario, cr: Object, *targets: str) -> None:
    """Wait until these namespaces contain no object of the instance."""
    selector = ",".join(f"{key}={value}" for key, value in ownership_labels(cr).items())

    def nothing() -> bool:
        kinds = (("v1", "Service"), ("v1", "Secret"), ("rbac.authorization.k8s.io/v1", "RoleBinding"))
        left = [o for t in targets for k in kinds for o in scenario.api.list(*k, t, labelSelector=selector)]
        assert left == []
        return True

    eventually(nothing, what=f"nothing is left in {targets}")


def test_a_missing_namespace_is_named_and_used_when_it_exists(scenario: Scenario) -> None:
    where, there = scenario.namespace(), scenario.namespace()
    cr = scenario.cryostat(where, targetNamespaces=[where, "loop-late", there])
    given(scenario, cr, there)
    scenario.wait_for_reason(cr, "NamespaceNotFound", "loop-late")
    found = scenario.wait_for_reason(cr, "NamespaceNotFound", "loop-late", type="TargetNamespacesReady")
    assert there not in found["message"]
    for name in ("x", "x-database", "x-storage"):
        eventually(lambda name=name: scenario.get("Deployment", where, name), what=name)  # type: ignore[misc]
    scenario.make_namespace("loop-late")
    given(scenario, cr, "loop-late")
    assert scenario.wait_until_ready(cr)["status"]["targetNamespaces"] == [where, "loop-late", there]
    assert len(scenario.events(cr, "NamespaceNotFound")) == 1
    scenario.remove_namespace("loop-late")
    scenario.wait_for_reason(cr, "NamespaceNotFound", "loop-late")
    eventually(
        lambda: scenario.events(cr, "NamespaceNotFound")[0]["count"] == 2, what="the count of the event increases"
    )
    scenario.make_namespace("loop-late")
    scenario.wait_for_reason(cr, "NamespaceRecreated", "loop-late", type="TargetNamespacesReady")


def test_a_namespace_that_is_created_again_gets_nothing_until_it_is_accepted(scenario: Scenario) -> None:
    where, there = scenario.namespace(), scenario.namespace()
    scenario.make_namespace("loop-again")
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[where, "loop-again", there]))
    with scenario.stopped():
        scenario.remove_namespace("loop-again")
        scenario.make_namespace("loop-again")
        # As after a restore from a backup.
        binding = scenario.get("RoleBinding", there, bindings_of(cr))
        metadata = {"name": bindings_of(cr), "namespace": "loop-again", "labels": ownership_labels(cr)}
        scenario.api.create({**binding, "metadata": metadata})
    found = scenario.wait_for_reason(cr, "NamespaceRecreated", "loop-again", type="TargetNamespacesReady")
    wait_until_empty(scenario, cr, "loop-again")
    assert has_access(scenario, cr, there)
    assert len(scenario.events(cr, "NamespaceRecreated")) == 1
    policy = scenario.get("NetworkPolicy", where, "x-internal-ingress")
    [peer] = policy["spec"]["ingress"][1]["from"]
    assert peer["namespaceSelector"]["matchExpressions"][0]["values"] == [where, there]
    [assignment] = [word for word in found["message"].split() if "=" in word]
    key, uid = assignment.split("=")
    scenario.api.patch(cr, {"metadata": {"annotations": {key: uid}}})
    given(scenario, cr, "loop-again")
    assert {"name": "loop-again", "uid": uid} in scenario.wait_until_ready(cr)["status"]["reviewedNamespaces"]
    scenario.api.patch(cr, {"metadata": {"annotations": {key: None}}})
    scenario.wait_until_idle()
    assert has_access(scenario, cr, "loop-again")


def test_namespaces_are_added_and_removed(scenario: Scenario) -> None:
    where, first, second = scenario.namespace(), scenario.namespace(), scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[first]))
    assert has_access(scenario, cr, first)
    assert not has_access(scenario, cr, where)
    scenario.change(cr, targetNamespaces=[second, where])
    given(scenario, cr, second)
    given(scenario, cr, where)
    wait_until_empty(scenario, cr, first)
    assert scenario.wait_until_ready(cr)["status"]["targetNamespaces"] == [second, where]
    policy = scenario.get("NetworkPolicy", where, "x-internal-ingress")
    peers = [peer["namespaceSelector"] for peer in policy["spec"]["ingress"][1]["from"]]
    assert peers[0]["matchExpressions"][0]["values"] == [second, where]
    scenario.delete(cr)
    wait_until_empty(scenario, cr, first, second, where)
    scenario.wait_for_no_objects(cr)


def test_namespaces_change_while_the_operator_is_down(scenario: Scenario) -> None:
    where, first, second, third = (scenario.namespace() for _ in range(4))
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[first, second]))
    with scenario.stopped():
        scenario.change(cr, targetNamespaces=[third])
        scenario.remove_namespace(second)
    given(scenario, cr, third)
    wait_until_empty(scenario, cr, first)
    scenario.wait_until_ready(cr)
    with scenario.stopped():
        scenario.change(cr, targetNamespaces=[where])
        scenario.api.delete(cr)
    scenario.wait_until_deleted(cr)
    scenario.wait_for_no_objects(cr)


def test_objects_in_target_namespaces_are_deleted_after_the_status_was_lost(scenario: Scenario) -> None:
    where, first = scenario.namespace(), scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[first]))
    with scenario.stopped():
        scenario.api.patch(cr, {"status": None}, sub="status")
        scenario.change(cr, targetNamespaces=[where])
    wait_until_empty(scenario, cr, first)
    scenario.wait_until_ready(cr)


def test_a_namespace_that_is_removed_during_a_reconcile_is_cleared(scenario: Scenario) -> None:
    """Another problem persists, so that no reconcile succeeds."""
    where, first = scenario.namespace(), scenario.namespace()
    login = {"basicAuth": {"secretName": "missing", "filename": "htpasswd"}}
    cr = scenario.cryostat(where, targetNamespaces=[where, first, "loop-never"], authorizationOptions=login)
    given(scenario, cr, first)
    scenario.change(cr, targetNamespaces=[where, "loop-never"])
    wait_until_empty(scenario, cr, first)
    scenario.wait_for_reason(cr, "NamespaceNotFound", "loop-never")
    scenario.delete(cr)
    scenario.wait_for_no_objects(cr)


def test_a_terminating_namespace_blocks_nothing(scenario: Scenario) -> None:
    where, first, second = scenario.namespace(), scenario.namespace(), scenario.namespace()
    held = scenario.make("ConfigMap", first, "held", metadata={"finalizers": ["example.com/held"]})
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[first]))
    scenario.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": first}})
    scenario.wait_for_reason(cr, "NamespaceTerminating", first)
    mark = scenario.plane.audit_mark()
    scenario.change(cr, targetNamespaces=[first, second])
    given(scenario, cr, second)
    scenario.wait_until_idle()
    refused = [write for write in scenario.writes(mark) if not write.succeeded]
    assert refused == [], "no object is created in a terminating namespace"
    assert condition(scenario.live(cr), "TargetNamespacesReady")["reason"] == "NamespaceTerminating"
    other = scenario.cryostat(where, "y", targetNamespaces=[first])
    scenario.wait_for_reason(other, "NamespaceTerminating", first)
    scenario.delete(cr)
    scenario.delete(other)
    scenario.wait_for_no_objects(cr)
    scenario.api.patch(held, {"metadata": {"finalizers": None}})


def test_an_empty_list_means_the_own_namespace(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where, targetNamespaces=[where])
    given(scenario, cr, where)
    mark = scenario.plane.audit_mark()
    scenario.change(cr, targetNamespaces=None)
    assert scenario.wait_until_ready(cr)["status"]["targetNamespaces"] == [where]
    assert [write for write in scenario.writes(mark) if write.resource == "rolebindings"] == []
