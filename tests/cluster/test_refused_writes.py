"""Refused and modified writes are reported with the API server's message and block nothing else."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from cryostat_operator.api import constants
from tests.cluster.api import ApiError, Object, condition, eventually
from tests.cluster.operator_process import NAMESPACE, SERVICE_ACCOUNT
from tests.cluster.scenario import Scenario

ADMISSION = "admissionregistration.k8s.io/v1"


def policy(scenario: Scenario, where: str, kind: str, resource: str, **rules: Any) -> Object:
    """Create an admission policy for one resource of one namespace; returns its binding."""
    group, plural = resource.split("/") if "/" in resource else ("", resource)
    match = {"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [plural]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": where}}
    constraints = {"resourceRules": [match], "namespaceSelector": selector}
    head = {"apiVersion": ADMISSION, "metadata": {"name": where}}
    spec = {"failurePolicy": "Fail", "matchConstraints": constraints, **rules}
    made = scenario.api.create({**head, "kind": f"{kind}AdmissionPolicy", "spec": spec})
    bound: Object = {"policyName": where}
    if kind == "Validating":
        bound["validationActions"] = ["Deny"]
    binding = scenario.api.create({**head, "kind": f"{kind}AdmissionPolicyBinding", "spec": bound})
    for obj in (made, binding):
        scenario.undo(lambda obj=obj: scenario.api.delete(obj))  # type: ignore[misc]
    return binding


def wait_for_policy(scenario: Scenario, probe: Object, *, refused: bool) -> None:
    """Wait until the API server refuses (or admits) a trial object."""

    def tried() -> bool:
        try:
            scenario.api.create(probe, dryRun="All")
        except ApiError as error:
            if not refused:
                raise AssertionError("still refused") from error
            return True
        return not refused

    eventually(tried, what="the policy has an effect")


def config_map(where: str, name: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": where}}


def test_a_quota_is_reported_and_blocks_nothing_else(scenario: Scenario) -> None:
    where = scenario.namespace()
    head = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few", "namespace": where}}
    quota = scenario.api.create({**head, "spec": {"hard": {"count/services": "3"}}})
    eventually(
        lambda: scenario.api.get("v1", "ResourceQuota", "few", where)["status"]["used"],
        what="the quota has counted the objects",
    )
    cr = scenario.cryostat(where)
    scenario.wait_for_reason(cr, "QuotaExceeded", "Service", "exceeded quota: few", "limited: count/services=3")
    scenario.wait_for_reason(cr, "QuotaExceeded", "Service", "exceeded quota: few", type="Reconciled")
    eventually(lambda: condition(scenario.live(cr), "DatabaseDeploymentAvailable").get("status") == "True")
    other = scenario.cryostat(scenario.namespace())
    scenario.wait_until_ready(other)
    assert len(scenario.events(cr, "QuotaExceeded")) == 2  # the quota allows three of five Services
    mark = scenario.plane.audit_mark()
    scenario.api.delete(quota)
    scenario.wait_until_ready(cr)
    assert {write.resource for write in scenario.writes(mark)} <= {"services", "cryostats/status", "events"}


def test_refused_writes_are_retried_with_backoff(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    expression = {"expression": "!object.metadata.name.endsWith('-reports')", "message": "no reports on Sundays"}
    binding = policy(scenario, where, "Validating", "apps/deployments", validations=[expression])
    pods = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": pods}
    trial = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a-reports", "namespace": where}}
    wait_for_policy(scenario, {**trial, "spec": spec}, refused=True)
    mark = scenario.plane.audit_mark()
    scenario.change(cr, reportOptions={"replicas": 1})
    scenario.wait_for_reason(cr, "DeniedByPolicy", "Deployment", "x-reports", "no reports on Sundays")

    def tries() -> list[datetime]:
        events = scenario.plane.audit_since(mark, ":cryostat-operator-service-account")
        return [
            datetime.fromisoformat(event["requestReceivedTimestamp"])
            for event in events
            if event["verb"] == "create" and event["objectRef"]["resource"] == "deployments"
        ]

    def gaps() -> list[float]:
        return [(later - earlier).total_seconds() for earlier, later in zip(tries(), tries()[1:], strict=False)]

    eventually(lambda: len(gaps()) > 2 and gaps()[-1] > 5 * min(gaps()), what="it is tried less and less often")
    assert len(gaps()) < 12, gaps()
    others = [write for write in scenario.writes(mark) if write.succeeded]
    assert Counter(write.resource for write in others)["cryostats/status"] < 6, others
    assert len(scenario.events(cr, "DeniedByPolicy")) == 1
    scenario.api.delete(binding)
    scenario.wait_until_ready(cr)


def test_a_policy_against_one_object_blocks_only_objects_that_use_it(scenario: Scenario) -> None:
    where = scenario.namespace()
    rule = {"expression": "!object.metadata.name.endsWith('-agent-proxy')", "message": "no proxies here"}
    binding = policy(scenario, where, "Validating", "configmaps", validations=[rule])
    wait_for_policy(scenario, config_map(where, "a-agent-proxy"), refused=True)
    cr = scenario.cryostat(where)
    scenario.wait_for_reason(cr, "DeniedByPolicy", "ConfigMap", "no proxies here")
    eventually(lambda: condition(scenario.live(cr), "StorageDeploymentAvailable").get("status") == "True")
    assert scenario.find("Deployment", where, "x") is None
    scenario.api.delete(binding)
    scenario.wait_until_ready(cr)


def test_a_policy_server_that_does_not_answer_is_reported(scenario: Scenario) -> None:
    where = scenario.namespace()
    made = scenario.dead_webhook(where, "CREATE", "/services")
    trial = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "namespace": where}}
    wait_for_policy(scenario, {**trial, "spec": {"ports": [{"port": 1}]}}, refused=True)
    cr = scenario.cryostat(where)
    scenario.wait_for_reason(cr, "WriteRefused", "policy.example.com")
    eventually(lambda: condition(scenario.live(cr), "DatabaseDeploymentAvailable").get("status") == "True")
    scenario.api.delete(made)
    scenario.wait_until_ready(cr)


def test_pods_that_pod_security_refuses_are_reported_with_its_message(scenario: Scenario) -> None:
    where = scenario.namespace(**{"pod-security.kubernetes.io/enforce": "restricted"})
    cr = scenario.wait_until_ready(scenario.cryostat(where, reportOptions={"replicas": 1}))
    scenario.change(cr, securityOptions={"databaseSecurityContext": {"privileged": True}})
    scenario.wait_for_reason(cr, "DatabaseReplicaFailure", "x-database", "violates PodSecurity")
    assert condition(scenario.live(cr), "MainDeploymentAvailable")["status"] == "True"
    scenario.change(cr, securityOptions=None)
    scenario.wait_until_ready(cr)


def test_pods_beyond_a_limit_range_are_reported_with_its_message(scenario: Scenario) -> None:
    where = scenario.namespace()
    limits = {"type": "Container", "max": {"memory": "128Mi"}}
    head = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small", "namespace": where}}
    small = scenario.api.create({**head, "spec": {"limits": [limits]}})
    cr = scenario.cryostat(where)
    scenario.wait_for_reason(cr, "DatabaseReplicaFailure", "maximum memory usage per Container is 128Mi")
    scenario.api.delete(small)
    for replica_set in scenario.api.list("apps/v1", "ReplicaSet", where):  # without the controller's backoff
        scenario.annotate(replica_set, nudge="1")
    scenario.wait_until_ready(cr, timeout=60)


def test_changes_of_a_policy_are_not_reverted_repeatedly(scenario: Scenario) -> None:
    """Neither by the operator that created the objects, nor by one that started later."""
    where = scenario.namespace()
    label = "Object{metadata: Object.metadata{labels: {'policy.example.com/seen': 'yes'}}}"
    variable = (
        "Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: "
        "object.spec.template.spec.containers.map(c, Object.spec.template.spec.containers{name: c.name, env: "
        "[Object.spec.template.spec.containers.env{name: 'SEEN', value: 'yes'}]})}}}}"
    )
    apply = "ApplyConfiguration"
    mutations = [{"patchType": apply, "applyConfiguration": {"expression": each}} for each in (label, variable)]
    policy(scenario, where, "Mutating", "apps/deployments", reinvocationPolicy="Never", mutations=mutations)
    pods = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a", "image": "a"}]}}
    trial = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": where}}
    trial["spec"] = {"selector": {"matchLabels": {"a": "b"}}, "template": pods}

    def mutated() -> bool:
        return "policy.example.com/seen" in scenario.api.create(trial, dryRun="All")["metadata"].get("labels", {})

    eventually(mutated, what="the policy has an effect")
    mark = scenario.plane.audit_mark()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    for restarted in (False, True):
        if restarted:
            with scenario.stopped():
                mark = scenario.plane.audit_mark()
        scenario.wait_for_reason(cr, "ChangedByOthers", "x-database", "containers[0].env", type="Reconciled")
        scenario.wait_until_idle()
        done = [write for write in scenario.writes(mark) if write.resource == "deployments" and write.succeeded]
        written = Counter(write.name for write in done)
        assert set(written.values()) <= {1, 2}, written
        assert condition(scenario.live(cr), "Ready")["status"] == "True"
        mark = scenario.plane.audit_mark()
        scenario.annotate(scenario.get("Service", where, "x"), note=f"something happens, {restarted=}")
        scenario.api.patch(scenario.get("Deployment", where, "x-storage"), {"spec": {"replicas": 3}})
        eventually(
            lambda: scenario.get("Deployment", where, "x-storage")["spec"]["replicas"] == 1, what="drift is repaired"
        )
        scenario.wait_until_idle()
        assert {write.name for write in scenario.writes(mark) if write.resource == "deployments"} == {"x-storage"}


def test_changes_that_a_client_repeats_are_reverted_with_backoff(scenario: Scenario) -> None:
    """Two controllers that revert each other's changes must not load the cluster."""
    where = scenario.namespace()
    scenario.wait_until_ready(scenario.cryostat(where))
    service = scenario.get("Service", where, "x")
    answers = 0
    try:
        while answers < 60:
            scenario.api.patch(service, {"spec": {"selector": {"app": "mine"}}})
            eventually(
                lambda: scenario.get("Service", where, "x")["spec"]["selector"]["app"] == "x", 1.5, interval=0.02
            )
            answers += 1
    except TimeoutError:
        pass
    assert 3 < answers < 40, answers
    eventually(
        lambda: scenario.get("Service", where, "x")["spec"]["selector"]["app"] == "x",
        what="the operator has restored the object",
    )


def wait_until_forbidden(scenario: Scenario, attributes: Object) -> None:
    """Wait until the roles no longer allow the operator to patch these resources, which takes a moment."""
    user = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
    spec = {"user": user, "resourceAttributes": {"verb": "patch", "namespace": "default", **attributes}}
    head = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "metadata": {}}
    eventually(
        lambda: not scenario.api.create({**head, "spec": spec})["status"]["allowed"], what="the roles have an effect"
    )


def test_a_status_that_cannot_be_written_blocks_nothing_and_is_retried(scenario: Scenario) -> None:
    version, name = "rbac.authorization.k8s.io/v1", "cryostat-operator-manager-role"
    role = {"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name}}
    rules = scenario.api.get(version, "ClusterRole", name)["rules"]
    scenario.undo(lambda: scenario.api.patch(role, {"rules": rules}))
    scenario.api.patch(role, {"rules": [rule for rule in rules if "cryostats/status" not in rule["resources"]]})
    wait_until_forbidden(scenario, {"group": constants.GROUP, "resource": "cryostats", "subresource": "status"})
    where = scenario.namespace()
    before = scenario.log_size()
    cr = scenario.cryostat(where)
    eventually(lambda: "cryostats/status" in scenario.log_since(before), what="the log contains it")
    eventually(lambda: scenario.get("Deployment", where, "x"), what="the instance is created")
    eventually(
        lambda: scenario.metrics().get('cryostat_operator_reconciles_total{result="retry"}'),
        what="the event is counted",
    )
    assert [each["reason"] for each in scenario.live(cr)["status"]["conditions"]] == ["WaitingForOperator"]
    scenario.api.patch(role, {"rules": rules})
    scenario.wait_until_ready(cr)


def test_missing_permissions_are_reported_until_they_are_granted_again(scenario: Scenario) -> None:
    version, name = "rbac.authorization.k8s.io/v1", "cryostat-operator-manager-role"
    role = {"apiVersion": version, "kind": "ClusterRole", "metadata": {"name": name}}
    rules = scenario.api.get(version, "ClusterRole", name)["rules"]
    cr = scenario.cryostat(scenario.namespace())
    scenario.wait_until_ready(cr)
    scenario.undo(lambda: scenario.api.patch(role, {"rules": rules}))
    scenario.api.patch(role, {"rules": [rule for rule in rules if "secrets" not in rule["resources"]]})
    wait_until_forbidden(scenario, {"group": "", "resource": "secrets"})
    scenario.api.delete(scenario.get("Service", cr["metadata"]["namespace"], "x-storage"))
    other = scenario.cryostat(scenario.namespace())
    scenario.wait_for_reason(other, "Forbidden", "cannot ", "cryostat-operator-service-account")
    assert len(scenario.events(other, "Forbidden")) == 1
    scenario.api.patch(role, {"rules": rules})
    scenario.wait_until_ready(other, 90)
    scenario.wait_until_ready(cr, 90)
    assert scenario.find("Service", cr["metadata"]["namespace"], "x-storage")
