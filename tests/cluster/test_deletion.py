"""The deletion of a Cryostat always completes, and none of its objects remains."""

from __future__ import annotations

import time

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import ApiError, Object, eventually
from tests.cluster.scenario import Scenario, bindings_of, callback_of, name, namespace

HOLD = {"metadata": {"finalizers": ["example.com/hold"]}}
LET_GO: Object = {"metadata": {"finalizers": None}}


def test_an_incomplete_instance_is_deleted(scenario: Scenario) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    head = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few", "namespace": where}}
    scenario.api.create({**head, "spec": {"hard": {"count/services": "1", "count/configmaps": "2"}}})
    eventually(
        lambda: scenario.api.get("v1", "ResourceQuota", "few", where)["status"]["used"],
        what="the quota has counted the objects",
    )
    login = {"basicAuth": {"secretName": "missing", "filename": "htpasswd"}}
    cr = scenario.cryostat(where, targetNamespaces=[target, "loop-never"], authorizationOptions=login)
    scenario.wait_for_reason(cr, "NamespaceNotFound")
    eventually(lambda: scenario.find("RoleBinding", target, bindings_of(cr)), what="some of its objects exist")
    scenario.delete(cr)
    scenario.wait_for_no_objects(cr)


def test_a_cryostat_that_is_deleted_during_its_creation_ends(scenario: Scenario) -> None:
    """The deletion happens at ten different moments of the first reconcile."""
    where, target = scenario.namespace(), scenario.namespace()
    for number in range(10):
        cr = scenario.cryostat(where, targetNamespaces=[where, target])
        time.sleep(0.03 * number)
        scenario.delete(cr)
    scenario.wait_for_no_objects(cr)


def test_the_deletion_completes_with_its_namespace(scenario: Scenario) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[where, target]))
    half = scenario.cryostat(where, "y", targetNamespaces=[target, "loop-never"])
    scenario.wait_for_reason(half, "NamespaceNotFound")
    scenario.remove_namespace(where)
    for each in (cr, half):
        scenario.wait_for_no_objects(each)
    assert scenario.find("ClusterRoleBinding", "", bindings_of(cr)) is None


def test_a_cryostat_is_deleted_while_the_operator_is_down(scenario: Scenario) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[where, target]))
    with scenario.stopped():
        scenario.api.delete(cr)
        scenario.remove_namespace(target)
    scenario.wait_until_deleted(cr)
    scenario.wait_for_no_objects(cr)


@pytest.mark.parametrize("away", [False, True], ids=["while it runs", "while it is away"])
def test_orphans_of_a_forced_deletion_are_deleted(scenario: Scenario, away: bool) -> None:
    """A user removed the finalizer, so that the operator did not delete the objects."""
    where, target = scenario.namespace(), scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[where, target]))
    other = scenario.wait_until_ready(scenario.cryostat(target, "other", targetNamespaces=[target]))
    if away:
        scenario.stop()
    else:
        assert scenario.operator
        scenario.operator.pause()
    scenario.api.delete(cr)
    scenario.api.patch(cr, LET_GO)
    scenario.wait_until_deleted(cr)
    assert scenario.find("RoleBinding", target, bindings_of(cr))
    if away:
        scenario.start()
    else:
        assert scenario.operator
        scenario.operator.resume()
    scenario.wait_for_no_objects(cr)
    scenario.wait_until_ready(other)
    assert scenario.find("RoleBinding", target, bindings_of(other))
    assert scenario.find("Service", target, callback_of(other))


def test_an_orphaned_instance_stays_and_is_adopted_by_the_next_cryostat(scenario: Scenario) -> None:
    """`kubectl delete --cascade=orphan`: only the access to other namespaces ends."""
    where, target = scenario.namespace(), scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[where, target]))
    before = {_key(obj): obj["metadata"]["uid"] for obj in scenario.owned_objects(cr) if namespace(obj) == where}
    scenario.api.delete(cr, propagation="Orphan")
    scenario.wait_until_deleted(cr)
    eventually(lambda: scenario.find("RoleBinding", target, bindings_of(cr)) is None, what="the access ends")
    with scenario.stopped():
        pass  # an operator that starts does not collect them either
    left = scenario.owned_objects(cr)
    assert {_key(obj): obj["metadata"]["uid"] for obj in left} == before
    assert not [obj for obj in left if obj["metadata"].get("ownerReferences")]
    again = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[where, target]))
    after = {_key(obj): obj["metadata"]["uid"] for obj in scenario.owned_objects(again) if namespace(obj) == where}
    assert after == before
    claim = scenario.get("PersistentVolumeClaim", where, "x-database")
    assert [each["uid"] for each in claim["metadata"]["ownerReferences"]] == [again["metadata"]["uid"]]
    assert scenario.find("RoleBinding", target, bindings_of(again))


def test_objects_of_a_cryostat_that_was_created_again_are_kept(scenario: Scenario) -> None:
    where, first, second = scenario.namespace(), scenario.namespace(), scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[first]))
    with scenario.stopped():
        scenario.api.delete(cr)
        scenario.api.patch(cr, LET_GO)
        again = scenario.cryostat(where, targetNamespaces=[second])
    scenario.wait_until_ready(again, timeout=60)
    eventually(
        lambda: scenario.find("RoleBinding", first, bindings_of(cr)) is None, what="the old target namespace is removed"
    )
    assert scenario.find("RoleBinding", second, bindings_of(again))


def test_foreign_finalizers_on_objects_do_not_block_the_deletion(scenario: Scenario) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[where, target]))
    held = [
        scenario.get("RoleBinding", target, bindings_of(cr)),
        scenario.get("Service", target, callback_of(cr)),
        scenario.get("Deployment", where, "x"),
    ]
    for obj in held:
        scenario.api.patch(obj, HOLD)
    scenario.delete(cr)
    for obj in held[:2]:
        now = scenario.get(obj["kind"], namespace(obj), name(obj))
        assert "deletionTimestamp" in now["metadata"]
    for obj in held:
        scenario.api.patch(obj, LET_GO)
    scenario.wait_for_no_objects(cr)


def test_an_object_with_foreign_finalizers_is_reported_and_created_again(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    service = scenario.get("Service", where, "x-agent")
    scenario.api.patch(service, HOLD)
    scenario.api.delete(service)
    scenario.wait_for_reason(cr, "ObjectBeingDeleted", "Service", "x-agent", "example.com/hold")
    mark = scenario.plane.audit_mark()
    scenario.change(cr, reportOptions={"replicas": 1})
    eventually(lambda: scenario.find("Deployment", where, "x-reports"), what="all other objects are written")
    assert [write for write in scenario.writes(mark) if write.name == "x-agent"] == []
    scenario.api.patch(service, LET_GO)
    scenario.wait_until_ready(cr)
    assert scenario.get("Service", where, "x-agent")["metadata"]["uid"] != service["metadata"]["uid"]


def test_a_foreign_finalizer_on_the_cryostat_is_kept(scenario: Scenario) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    hold = ["example.com/hold"]
    cr = scenario.wait_until_ready(scenario.cryostat(where, metadata={"finalizers": hold}, targetNamespaces=[target]))
    assert scenario.live(cr)["metadata"]["finalizers"] == [*hold, constants.FINALIZER]
    scenario.api.delete(cr)
    eventually(
        lambda: scenario.live(cr)["metadata"]["finalizers"] == hold, what="the object of the operator is deleted"
    )
    scenario.wait_for_no_objects(cr)
    scenario.wait_for_reason(cr, "Deleting", "finalizer example.com/hold")
    mark = scenario.plane.audit_mark()
    for obj in scenario.owned_objects(cr):
        scenario.annotate(obj, nudge="1")
    scenario.wait_until_idle()
    reports = {"cryostats/status", "events"}
    assert {write.resource for write in scenario.writes(mark)} <= reports, "what is being deleted is not repaired"
    scenario.api.patch(cr, LET_GO)
    scenario.wait_until_deleted(cr)


def test_a_refused_deletion_is_reported_and_retried(scenario: Scenario) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where, targetNamespaces=[target]))
    group, version = "rbac.authorization.k8s.io", "admissionregistration.k8s.io/v1"
    match = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["rolebindings"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": target}}
    spec = {
        "matchConstraints": {"resourceRules": [match], "namespaceSelector": selector},
        "validations": [{"expression": "false", "message": "bindings stay"}],
    }
    head = {"apiVersion": version, "metadata": {"name": target}}
    made = scenario.api.create({**head, "kind": "ValidatingAdmissionPolicy", "spec": spec})
    bound = {"policyName": target, "validationActions": ["Deny"]}
    binding = scenario.api.create({**head, "kind": "ValidatingAdmissionPolicyBinding", "spec": bound})
    for obj in (made, binding):
        scenario.undo(lambda obj=obj: scenario.api.delete(obj))  # type: ignore[misc]
    trial = scenario.make("RoleBinding", target, "trial", roleRef={"apiGroup": group, "kind": "Role", "name": "r"})

    def refused() -> bool:
        path = scenario.api.path_of(trial)
        try:
            scenario.api.request("DELETE", path, {"dryRun": ["All"]})
        except Exception as error:
            return "bindings stay" in str(error)
        return False

    eventually(refused, what="the policy has an effect")
    scenario.api.delete(cr)
    eventually(lambda: scenario.events(cr, "DeletionBlocked"), what="the problem is reported")
    assert "bindings stay" in scenario.events(cr, "DeletionBlocked")[0]["message"]
    assert constants.FINALIZER in scenario.live(cr)["metadata"]["finalizers"]
    scenario.wait_for_reason(cr, "DeletionBlocked", "bindings stay")
    scenario.api.delete(binding)
    scenario.wait_until_deleted(cr)
    scenario.wait_for_no_objects(cr)
    assert len(scenario.events(cr, "DeletionBlocked")) == 1


def test_a_deletion_behind_a_webhook_that_does_not_answer_is_reported_and_retried(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    eventually(lambda: scenario.live(cr)["metadata"]["finalizers"], what="the operator has set its finalizer")
    made = scenario.dead_webhook(where, "UPDATE", f"{constants.GROUP}/{constants.PLURAL}")

    def refused() -> bool:
        try:
            scenario.annotate(cr, attempt=str(time.time_ns()))
        except ApiError as error:
            return "failed calling webhook" in error.message
        return False

    eventually(refused, what="the API server calls the webhook")
    scenario.api.delete(cr)
    words = ('failed calling webhook "policy.example.com"', "delete its webhook configuration")
    scenario.wait_for_reason(cr, "DeletionBlocked", *words)
    scenario.wait_for_reconciles(cr)
    assert [event["count"] for event in scenario.events(cr, "DeletionBlocked")] == [1]
    scenario.api.delete(made)
    scenario.wait_until_deleted(cr)
    scenario.wait_for_no_objects(cr)


def _key(obj: Object) -> tuple[str, str]:
    return obj["kind"], name(obj)
