"""What the API server refuses or changes: told in its words, everything else goes on, and nobody is fought."""

from __future__ import annotations

import time
from collections import Counter
from datetime import datetime
from typing import Any

import pytest

from tests.cluster.api import ApiError, Object, condition, eventually
from tests.cluster.scenario import Scenario

ADMISSION = "admissionregistration.k8s.io/v1"


def policy(world: Scenario, where: str, kind: str, resource: str, **rules: Any) -> Object:
    """Puts an admission policy for one resource of one namespace in force; returns its binding."""
    group, plural = resource.split("/") if "/" in resource else ("", resource)
    match = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [plural]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": where}}
    constraints = {"resourceRules": [match], "namespaceSelector": selector}
    head = {"apiVersion": ADMISSION, "metadata": {"name": where}}
    spec = {"failurePolicy": "Fail", "matchConstraints": constraints, **rules}
    made = world.api.create({**head, "kind": f"{kind}AdmissionPolicy", "spec": spec})
    bound: Object = {"policyName": where}
    if kind == "Validating":
        bound["validationActions"] = ["Deny"]
    binding = world.api.create({**head, "kind": f"{kind}AdmissionPolicyBinding", "spec": bound})
    for obj in (made, binding):
        world.undo(lambda obj=obj: world.api.delete(obj))  # type: ignore[misc]
    return binding


def in_force(world: Scenario, probe: Object, *, refused: bool) -> None:
    """Waits until the API server refuses (or admits) a trial object."""

    def tried() -> bool:
        try:
            world.api.create(probe, dryRun="All")
        except ApiError as error:
            if not refused:
                raise AssertionError("still refused") from error
            return True
        return not refused

    eventually(tried, what="the policy is in force")


def config_map(where: str, name: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": where}}


def test_a_quota_is_told_and_holds_up_nothing_else(world: Scenario) -> None:
    where = world.namespace()
    head = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few", "namespace": where}}
    quota = world.api.create({**head, "spec": {"hard": {"count/services": "3"}}})
    eventually(lambda: world.api.get("v1", "ResourceQuota", "few", where)["status"]["used"], what="the quota counts")
    cr = world.cryostat(where)
    world.told(cr, "QuotaExceeded", "Service", "exceeded quota: few", "limited: count/services=3")
    world.told(cr, "QuotaExceeded", "Service", "exceeded quota: few", type="Reconciled")
    eventually(lambda: condition(world.now(cr), "DatabaseDeploymentAvailable").get("status") == "True")
    other = world.cryostat(world.namespace())
    world.ready(other)
    assert len(world.events(cr, "QuotaExceeded")) == 2  # five Services are two too many
    mark = world.plane.audit_mark()
    world.api.delete(quota)
    world.ready(cr)
    assert {write.resource for write in world.writes(mark)} <= {"services", "cryostats/status", "events"}


def test_refused_writes_are_retried_ever_more_slowly(world: Scenario) -> None:
    where = world.namespace()
    cr = world.ready(world.cryostat(where))
    expression = {"expression": "!object.metadata.name.endsWith('-reports')", "message": "no reports on Sundays"}
    binding = policy(world, where, "Validating", "apps/deployments", validations=[expression])
    pods = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": pods}
    trial = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a-reports", "namespace": where}}
    in_force(world, {**trial, "spec": spec}, refused=True)
    mark = world.plane.audit_mark()
    world.change(cr, reportOptions={"replicas": 1})
    world.told(cr, "Invalid", "Deployment", "x-reports", "no reports on Sundays")

    def tries() -> list[datetime]:
        events = world.plane.audit_since(mark, ":cryostat-operator-service-account")
        return [
            datetime.fromisoformat(event["requestReceivedTimestamp"])
            for event in events
            if event["verb"] == "create" and event["objectRef"]["resource"] == "deployments"
        ]

    def gaps() -> list[float]:
        return [(later - earlier).total_seconds() for earlier, later in zip(tries(), tries()[1:], strict=False)]

    eventually(lambda: len(gaps()) > 2 and gaps()[-1] > 5 * min(gaps()), what="it is tried ever more seldom")
    assert len(gaps()) < 12, gaps()
    others = [write for write in world.writes(mark) if write.succeeded]
    assert Counter(write.resource for write in others)["cryostats/status"] < 6, others
    assert len(world.events(cr, "Invalid")) == 1
    world.api.delete(binding)
    world.ready(cr)


def test_a_policy_against_one_object_holds_up_those_that_use_it_only(world: Scenario) -> None:
    where = world.namespace()
    rule = {"expression": "!object.metadata.name.endsWith('-agent-proxy')", "message": "no proxies here"}
    binding = policy(world, where, "Validating", "configmaps", validations=[rule])
    in_force(world, config_map(where, "a-agent-proxy"), refused=True)
    cr = world.cryostat(where)
    world.told(cr, "Invalid", "ConfigMap", "no proxies here")
    eventually(lambda: condition(world.now(cr), "StorageDeploymentAvailable").get("status") == "True")
    assert world.find("Deployment", where, "x") is None
    world.api.delete(binding)
    world.ready(cr)


def test_a_policy_server_that_does_not_answer_is_told(world: Scenario) -> None:
    where = world.namespace()
    hook = {
        "name": "policy.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:1/"}, "failurePolicy": "Fail", "timeoutSeconds": 2,
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["services"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": where}},
    }  # fmt: skip
    head = {"apiVersion": ADMISSION, "kind": "ValidatingWebhookConfiguration", "metadata": {"name": where}}
    made = world.api.create({**head, "webhooks": [hook]})
    world.undo(lambda: world.api.delete(made))
    trial = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": where}}
    in_force(world, {**trial, "spec": {"ports": [{"port": 1}]}}, refused=True)
    cr = world.cryostat(where)
    world.told(cr, "WriteRefused", "policy.example.com")
    eventually(lambda: condition(world.now(cr), "DatabaseDeploymentAvailable").get("status") == "True")
    world.api.delete(made)
    world.ready(cr)


def test_pods_that_pod_security_refuses_are_told_in_its_words(world: Scenario) -> None:
    where = world.namespace(**{"pod-security.kubernetes.io/enforce": "restricted"})
    cr = world.ready(world.cryostat(where, reportOptions={"replicas": 1}))
    world.change(cr, securityOptions={"databaseSecurityContext": {"privileged": True}})
    world.told(cr, "DatabaseReplicaFailure", "x-database", "violates PodSecurity")
    assert condition(world.now(cr), "MainDeploymentAvailable")["status"] == "True"
    world.change(cr, securityOptions=None)
    world.ready(cr)


def test_pods_beyond_a_limit_range_are_told_in_its_words(world: Scenario) -> None:
    where = world.namespace()
    limits = {"type": "Container", "max": {"memory": "128Mi"}}
    head = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small", "namespace": where}}
    small = world.api.create({**head, "spec": {"limits": [limits]}})
    cr = world.cryostat(where)
    world.told(cr, "MainReplicaFailure", "maximum memory usage per Container is 128Mi")
    world.api.delete(small)
    for replica_set in world.api.list("apps/v1", "ReplicaSet", where):  # do not wait for the controller's own back-off
        world.annotate(replica_set, nudge="1")
    world.ready(cr, timeout=60)


@pytest.mark.parametrize("restarted", [False, True])
def test_a_policy_that_changes_our_objects_is_not_fought(world: Scenario, restarted: bool) -> None:
    where = world.namespace()
    label = "Object{metadata: Object.metadata{labels: {'policy.example.com/seen': 'yes'}}}"
    variable = (
        "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: "
        "object.spec.template.spec.containers.map(c, Object.spec.template.spec.containers{name: c.name, env: "
        "[Object.spec.template.spec.containers.env{name: 'SEEN', value: 'yes'}]})}}}}"
    )
    apply = "ApplyConfiguration"
    mutations = [{"patchType": apply, "applyConfiguration": {"expression": each}} for each in (label, variable)]
    policy(world, where, "Mutating", "apps/deployments", reinvocationPolicy="Never", mutations=mutations)
    pods = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    trial = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": where}}
    trial["spec"] = {"selector": {"matchLabels": {"a": "b"}}, "template": pods}

    def mutated() -> bool:
        return "policy.example.com/seen" in world.api.create(trial, dryRun="All")["metadata"].get("labels", {})

    eventually(mutated, what="the policy is in force")
    mark = world.plane.audit_mark()
    cr = world.ready(world.cryostat(where))
    if restarted:
        world.settle()
        with world.down():
            mark = world.plane.audit_mark()
    world.told(cr, "ChangedByOthers", "x-database", "containers[0].env", type="Reconciled")
    world.settle()
    done = [write for write in world.writes(mark) if write.resource == "deployments" and write.succeeded]
    written = Counter(write.name for write in done)
    assert set(written.values()) <= {1, 2}, written
    assert condition(world.now(cr), "Ready")["status"] == "True"
    mark = world.plane.audit_mark()
    world.annotate(world.get("Service", where, "x"), note="something happens")
    world.plane.kubectl("scale", "deployment", "x-storage", "-n", where, "--replicas=3")
    eventually(lambda: world.get("Deployment", where, "x-storage")["spec"]["replicas"] == 1, what="drift is repaired")
    world.settle()
    assert {write.name for write in world.writes(mark) if write.resource == "deployments"} == {"x-storage"}


def test_somebody_who_insists_is_answered_less_and_less(world: Scenario) -> None:
    """Two controllers that disagree must not keep a cluster busy."""
    where = world.namespace()
    world.ready(world.cryostat(where))
    service = world.get("Service", where, "x")
    answers = 0
    try:
        while answers < 60:
            world.api.patch(service, {"spec": {"selector": {"app": "mine"}}})
            eventually(lambda: world.get("Service", where, "x")["spec"]["selector"]["app"] == "x", 1.5, interval=0.02)
            answers += 1
    except TimeoutError:
        pass
    assert 3 < answers < 40, answers
    eventually(lambda: world.get("Service", where, "x")["spec"]["selector"]["app"] == "x", what="it has the last word")


def test_a_status_that_cannot_be_written_holds_up_nothing_and_is_tried_again(world: Scenario) -> None:
    version, name = "rbac.authorization.k8s.io/v1", "cryostat-operator-manager-role"
    role = {"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name}}
    rules = world.api.get(version, "ClusterRole", name)["rules"]
    world.undo(lambda: world.api.patch(role, {"rules": rules}))
    world.api.patch(role, {"rules": [rule for rule in rules if "cryostats/status" not in rule["resources"]]})
    time.sleep(1.0)  # until the API server's own cache knows
    where = world.namespace()
    before = world.log_size()
    cr = world.cryostat(where)
    eventually(lambda: "cryostats/status" in world.log_since(before), what="the log tells of it")
    eventually(lambda: world.get("Deployment", where, "x"), what="the instance is made all the same")
    eventually(lambda: world.metrics().get('cryostat_operator_reconciles_total{result="retry"}'), what="it is counted")
    assert world.now(cr).get("status", {}).get("conditions", []) == []
    world.api.patch(role, {"rules": rules})
    world.ready(cr, 60)


def test_permissions_that_are_taken_away_are_told_and_found_again(world: Scenario) -> None:
    version, name = "rbac.authorization.k8s.io/v1", "cryostat-operator-manager-role"
    role = {"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name}}
    rules = world.api.get(version, "ClusterRole", name)["rules"]
    cr = world.cryostat(world.namespace())
    world.ready(cr)
    world.undo(lambda: world.api.patch(role, {"rules": rules}))
    world.api.patch(role, {"rules": [rule for rule in rules if "secrets" not in rule["resources"]]})
    time.sleep(1.0)  # until the API server's own cache knows
    world.api.delete(world.get("Service", cr["metadata"]["namespace"], "x-storage"))
    other = world.cryostat(world.namespace())
    world.told(other, "Forbidden", "is forbidden", "cryostat-operator-service-account")
    assert len(world.events(other, "Forbidden")) == 1
    world.api.patch(role, {"rules": rules})
    world.ready(other, 90)
    world.ready(cr, 90)
    assert world.find("Service", cr["metadata"]["namespace"], "x-storage")
