"""Target namespaces that are missing, appear, go away, come back and are given up: nothing stays behind in them."""

from __future__ import annotations

from tests.cluster.api import Object, condition, eventually
from tests.cluster.scenario import Scenario, bindings_of, callback_of, mark_of


def has_access(world: Scenario, cr: Object, target: str) -> bool:
    """Whether the instance may look around in a namespace, and call agents there."""
    binding = world.find("RoleBinding", target, bindings_of(cr))
    service = world.find("Service", target, callback_of(cr))
    assert bool(binding) == bool(service), (binding, service)
    return bool(binding)


def given(world: Scenario, cr: Object, target: str) -> None:
    eventually(lambda: has_access(world, cr, target), what=f"access to {target}")


def taken(world: Scenario, cr: Object, *targets: str) -> None:
    """Waits until nothing of the instance is in these namespaces."""
    selector = ",".join(f"{key}={value}" for key, value in mark_of(cr).items())

    def nothing() -> bool:
        kinds = (("v1", "Service"), ("v1", "Secret"), ("rbac.authorization.k8s.io/v1", "RoleBinding"))
        left = [o for t in targets for k in kinds for o in world.api.list(*k, t, labelSelector=selector)]
        assert left == []
        return True

    eventually(nothing, what=f"nothing is left in {targets}")


def test_a_missing_namespace_is_named_and_served_when_it_appears(world: Scenario) -> None:
    where, there = world.namespace(), world.namespace()
    cr = world.cryostat(where, targetNamespaces=[where, "loop-late", there])
    given(world, cr, there)
    world.told(cr, "NamespaceNotFound", "loop-late")
    found = world.told(cr, "NamespaceNotFound", "loop-late", type="TargetNamespacesReady")
    assert there not in found["message"]
    for name in ("x", "x-database", "x-storage"):
        eventually(lambda name=name: world.get("Deployment", where, name), what=name)  # type: ignore[misc]
    world.make_namespace("loop-late")
    given(world, cr, "loop-late")
    assert world.ready(cr)["status"]["targetNamespaces"] == [where, "loop-late", there]
    assert len(world.events(cr, "NamespaceNotFound")) == 1
    world.remove_namespace("loop-late")
    world.told(cr, "NamespaceNotFound", "loop-late")
    eventually(lambda: world.events(cr, "NamespaceNotFound")[0]["count"] == 2, what="the event is counted up")
    world.make_namespace("loop-late")
    given(world, cr, "loop-late")
    world.ready(cr)


def test_namespaces_are_added_and_given_up(world: Scenario) -> None:
    where, first, second = world.namespace(), world.namespace(), world.namespace()
    cr = world.ready(world.cryostat(where, targetNamespaces=[first]))
    assert has_access(world, cr, first)
    assert not has_access(world, cr, where)
    world.change(cr, targetNamespaces=[second, where])
    given(world, cr, second)
    given(world, cr, where)
    taken(world, cr, first)
    assert world.ready(cr)["status"]["targetNamespaces"] == [second, where]
    policy = world.get("NetworkPolicy", where, "x-internal-ingress")
    peers = [peer["namespaceSelector"] for peer in policy["spec"]["ingress"][1]["from"]]
    assert peers[0]["matchExpressions"][0]["values"] == [second, where]
    world.delete(cr)
    taken(world, cr, first, second, where)
    world.nothing_left(cr)


def test_namespaces_change_while_the_operator_is_away(world: Scenario) -> None:
    where, first, second, third = (world.namespace() for _ in range(4))
    cr = world.ready(world.cryostat(where, targetNamespaces=[first, second]))
    with world.down():
        world.change(cr, targetNamespaces=[third])
        world.remove_namespace(second)
    given(world, cr, third)
    taken(world, cr, first)
    world.ready(cr)
    with world.down():
        world.change(cr, targetNamespaces=[where])
        world.api.delete(cr)
    world.gone(cr)
    world.nothing_left(cr)


def test_a_lost_status_does_not_lose_namespaces(world: Scenario) -> None:
    where, first = world.namespace(), world.namespace()
    cr = world.ready(world.cryostat(where, targetNamespaces=[first]))
    with world.down():
        world.api.patch(cr, {"status": None}, sub="status")
        world.change(cr, targetNamespaces=[where])
    taken(world, cr, first)
    world.ready(cr)


def test_a_namespace_given_up_before_a_run_was_complete_is_cleared(world: Scenario) -> None:
    """Something is wrong all the time, so that no run ever ends well."""
    where, first = world.namespace(), world.namespace()
    login = {"basicAuth": {"secretName": "missing", "filename": "htpasswd"}}
    cr = world.cryostat(where, targetNamespaces=[where, first, "loop-never"], authorizationOptions=login)
    given(world, cr, first)
    world.change(cr, targetNamespaces=[where, "loop-never"])
    taken(world, cr, first)
    world.told(cr, "NamespaceNotFound", "loop-never")
    world.delete(cr)
    world.nothing_left(cr)


def test_a_terminating_namespace_holds_up_nothing(world: Scenario) -> None:
    where, first, second = world.namespace(), world.namespace(), world.namespace()
    held = world.make("ConfigMap", first, "held", metadata={"finalizers": ["example.com/held"]})
    cr = world.ready(world.cryostat(where, targetNamespaces=[first]))
    world.api.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": first}})
    world.told(cr, "NamespaceTerminating", first)
    mark = world.plane.audit_mark()
    world.change(cr, targetNamespaces=[first, second])
    given(world, cr, second)
    world.settle()
    refused = [write for write in world.writes(mark) if not write.succeeded]
    assert refused == [], "what cannot be made there is not tried"
    assert condition(world.now(cr), "TargetNamespacesReady")["reason"] == "NamespaceTerminating"
    other = world.cryostat(where, "y", targetNamespaces=[first])
    world.told(other, "NamespaceTerminating", first)
    world.delete(cr)
    world.delete(other)
    world.nothing_left(cr)
    world.api.patch(held, {"metadata": {"finalizers": None}})


def test_an_empty_list_means_the_own_namespace(world: Scenario) -> None:
    where = world.namespace()
    cr = world.cryostat(where, targetNamespaces=[where])
    given(world, cr, where)
    mark = world.plane.audit_mark()
    world.change(cr, targetNamespaces=None)
    assert world.ready(cr)["status"]["targetNamespaces"] == [where]
    assert [write for write in world.writes(mark) if write.resource == "rolebindings"] == []
