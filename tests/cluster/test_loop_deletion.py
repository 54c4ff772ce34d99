"""Deleting a Cryostat always ends, and nothing of it stays behind, whatever was in the way."""

from __future__ import annotations

import time

import pytest

from cryostat_operator.desired import names
from tests.cluster.api import Object, eventually
from tests.cluster.scenario import Scenario, bindings_of, callback_of, name, namespace

HOLD = {"metadata": {"finalizers": ["example.com/hold"]}}
LET_GO: Object = {"metadata": {"finalizers": None}}


def test_half_an_instance_goes_like_a_whole_one(world: Scenario) -> None:
    where, target = world.namespace(), world.namespace()
    head = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few", "namespace": where}}
    world.api.create({**head, "spec": {"hard": {"count/services": "1", "count/configmaps": "2"}}})
    eventually(lambda: world.api.get("v1", "ResourceQuota", "few", where)["status"]["used"], what="the quota counts")
    login = {"basicAuth": {"secretName": "missing", "filename": "htpasswd"}}
    cr = world.cryostat(where, targetNamespaces=[target, "loop-never"], authorizationOptions=login)
    world.told(cr, "NamespaceNotFound")
    eventually(lambda: world.find("RoleBinding", target, bindings_of(cr)), what="half of it is made")
    world.delete(cr)
    world.nothing_left(cr)


def test_one_that_is_deleted_in_the_moment_of_its_creation_goes(world: Scenario) -> None:
    """At twenty different moments of its first run."""
    where, target = world.namespace(), world.namespace()
    for number in range(20):
        cr = world.cryostat(where, targetNamespaces=[where, target])
        time.sleep(0.015 * number)
        world.delete(cr)
    world.nothing_left(cr)


def test_its_namespace_may_go(world: Scenario) -> None:
    where, target = world.namespace(), world.namespace()
    cr = world.ready(world.cryostat(where, targetNamespaces=[where, target]))
    half = world.cryostat(where, "y", targetNamespaces=[target, "loop-never"])
    world.told(half, "NamespaceNotFound")
    world.remove_namespace(where)
    for each in (cr, half):
        world.nothing_left(each)
    assert world.find("ClusterRoleBinding", "", bindings_of(cr)) is None


def test_it_may_go_while_the_operator_is_away(world: Scenario) -> None:
    where, target = world.namespace(), world.namespace()
    cr = world.ready(world.cryostat(where, targetNamespaces=[where, target]))
    with world.down():
        world.api.delete(cr)
        world.remove_namespace(target)
    world.gone(cr)
    world.nothing_left(cr)


@pytest.mark.parametrize("away", [False, True], ids=["while it runs", "while it is away"])
def test_what_a_forced_deletion_leaves_is_swept(world: Scenario, away: bool) -> None:
    """Somebody took the finalizer away, so that nothing was asked of the operator."""
    where, target = world.namespace(), world.namespace()
    cr = world.ready(world.cryostat(where, targetNamespaces=[where, target]))
    other = world.ready(world.cryostat(target, "other", targetNamespaces=[target]))
    if away:
        world.stop()
    else:
        assert world.operator
        world.operator.pause()
    world.api.delete(cr)
    world.api.patch(cr, LET_GO)
    world.gone(cr)
    assert world.find("RoleBinding", target, bindings_of(cr))
    if away:
        world.start()
    else:
        assert world.operator
        world.operator.resume()
    world.nothing_left(cr)
    world.ready(other)
    assert world.find("RoleBinding", target, bindings_of(other))
    assert world.find("Service", target, callback_of(other))


def test_one_that_was_forced_away_and_made_again_is_not_swept(world: Scenario) -> None:
    where, first, second = world.namespace(), world.namespace(), world.namespace()
    cr = world.ready(world.cryostat(where, targetNamespaces=[first]))
    with world.down():
        world.api.delete(cr)
        world.api.patch(cr, LET_GO)
        again = world.cryostat(where, targetNamespaces=[second])
    world.ready(again, timeout=60)
    eventually(lambda: world.find("RoleBinding", first, bindings_of(cr)) is None, what="the old target is given up")
    assert world.find("RoleBinding", second, bindings_of(again))


def test_finalizers_of_others_on_its_objects_hold_up_nothing(world: Scenario) -> None:
    where, target = world.namespace(), world.namespace()
    cr = world.ready(world.cryostat(where, targetNamespaces=[where, target]))
    held = [
        world.get("RoleBinding", target, bindings_of(cr)),
        world.get("Service", target, callback_of(cr)),
        world.get("ClusterRoleBinding", "", bindings_of(cr)),
        world.get("Deployment", where, "x"),
    ]
    for obj in held:
        world.api.patch(obj, HOLD)
    world.delete(cr)
    for obj in held[:3]:
        now = world.get(obj["kind"], namespace(obj), name(obj))
        assert "deletionTimestamp" in now["metadata"]
    for obj in held:
        world.api.patch(obj, LET_GO)
    world.nothing_left(cr)


def test_an_object_that_others_hold_is_told_and_made_again(world: Scenario) -> None:
    where = world.namespace()
    cr = world.ready(world.cryostat(where))
    service = world.get("Service", where, "x-agent")
    world.api.patch(service, HOLD)
    world.api.delete(service)
    world.told(cr, "ObjectBeingDeleted", "Service", "x-agent", "example.com/hold")
    mark = world.plane.audit_mark()
    world.change(cr, reportOptions={"replicas": 1})
    eventually(lambda: world.find("Deployment", where, "x-reports"), what="the rest goes on")
    assert [write for write in world.writes(mark) if write.name == "x-agent"] == []
    world.api.patch(service, LET_GO)
    world.ready(cr)
    assert world.get("Service", where, "x-agent")["metadata"]["uid"] != service["metadata"]["uid"]


def test_a_finalizer_of_others_on_the_cryostat_is_theirs(world: Scenario) -> None:
    where, target = world.namespace(), world.namespace()
    hold = ["example.com/hold"]
    cr = world.ready(world.cryostat(where, metadata={"finalizers": hold}, targetNamespaces=[target]))
    assert world.now(cr)["metadata"]["finalizers"] == [*hold, names.FINALIZER]
    world.api.delete(cr)
    eventually(lambda: world.now(cr)["metadata"]["finalizers"] == hold, what="ours is gone")
    world.nothing_left(cr)
    mark = world.plane.audit_mark()
    for obj in world.marked(cr):
        world.annotate(obj, nudge="1")
    world.settle()
    assert world.writes(mark) == [], "what is being deleted is not repaired"
    world.api.patch(cr, LET_GO)
    world.gone(cr)


def test_a_deletion_that_is_refused_is_told_and_tried_again(world: Scenario) -> None:
    where, target = world.namespace(), world.namespace()
    cr = world.ready(world.cryostat(where, targetNamespaces=[target]))
    group, version = "rbac.authorization.k8s.io", "admissionregistration.k8s.io/v1"
    match = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["rolebindings"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": target}}
    spec = {
        "matchConstraints": {"resourceRules": [match], "namespaceSelector": selector},
        "validations": [{"expression": "false", "message": "bindings stay"}],
    }
    head = {"apiVersion": version, "metadata": {"name": target}}
    made = world.api.create({**head, "kind": "ValidatingAdmissionPolicy", "spec": spec})
    bound = {"policyName": target, "validationActions": ["Deny"]}
    binding = world.api.create({**head, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound})
    for obj in (made, binding):
        world.undo(lambda obj=obj: world.api.delete(obj))  # type: ignore[misc]
    trial = world.make("RoleBinding", target, "trial", roleRef={"apiGroup": group, "kind": "Role", "name": "r"})

    def refused() -> bool:
        path = world.api.path_of(trial)
        try:
            world.api.request("DELETE", path, {"dryRun": ["All"]})
        except Exception as error:
            return "bindings stay" in str(error)
        return False

    eventually(refused, what="the policy is in force")
    world.api.delete(cr)
    eventually(lambda: world.events(cr, "DeletionBlocked"), what="it is told")
    assert "bindings stay" in world.events(cr, "DeletionBlocked")[0]["message"]
    assert names.FINALIZER in world.now(cr)["metadata"]["finalizers"]
    world.api.delete(binding)
    world.gone(cr)
    world.nothing_left(cr)
    assert len(world.events(cr, "DeletionBlocked")) == 1
