"""The check of the operator's permissions at the end of a whole run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.packaging import install_names, roles
from tests.cluster import permissions
from tests.cluster.api import Object, eventually
from tests.cluster.operator_process import NAMESPACE, SERVICE_ACCOUNT, manifests
from tests.cluster.permissions import CHECKED_BY_ADMISSION, Permission, Request
from tests.cluster.router import Router
from tests.cluster.scenario import Scenario

GRANTED = permissions.granted(manifests(deployment=False))
NEEDED = {Request(each, True) for each in GRANTED - set(CHECKED_BY_ADMISSION)}
PODS = Permission("", "pods", "list")
MOVE = Permission("route.openshift.io", "routes/custom-host", "update")
RELEASE = Permission("", "persistentvolumeclaims", "delete")
LEASE = Permission("coordination.k8s.io", "leases", "update", "d696d7ab.redhat.com")


def test_the_granted_permissions_are_those_of_the_installation() -> None:
    named = {each._replace(name="") for each in GRANTED}
    for rule in roles.operator_rules():
        for verb in rule["verbs"]:
            assert {Permission(rule["apiGroups"][0], each, verb) for each in rule["resources"]} <= named
    assert {PODS, LEASE} <= GRANTED
    assert Permission("", "replicationcontrollers", "get") not in GRANTED, "only instances have this permission"


def test_no_report_if_all_granted_permissions_were_used() -> None:
    assert permissions.complaints(GRANTED, NEEDED) == []


@pytest.mark.parametrize("unused", [PODS, LEASE])
def test_unused_permissions_are_named(unused: Permission) -> None:
    used = NEEDED - {Request(unused, True)}
    for requests in (used, used | {Request(unused, False)}):
        assert permissions.complaints(GRANTED, requests) == [f"granted, but never used: {unused}"]


def test_a_name_counts_as_used_only_by_that_name() -> None:
    other = Request(LEASE._replace(name="other"), True)
    assert permissions.complaints(GRANTED, NEEDED - {Request(LEASE, True)} | {other}) == [
        f"granted, but never used: {LEASE}"
    ]


def test_refused_requests_are_named_unless_they_are_granted() -> None:
    nodes = Permission("", "nodes", "get", "node-0")
    requests = NEEDED | {Request(nodes, False), Request(PODS, False)}
    assert permissions.complaints(GRANTED, requests) == [f"refused, because it is not granted: {nodes}"]


def test_an_exception_that_is_not_needed_is_named() -> None:
    exception = next(iter(CHECKED_BY_ADMISSION))
    assert permissions.complaints(GRANTED, NEEDED | {Request(exception, True)}) == [
        f"an exception, but used: {exception}"
    ]
    assert permissions.complaints(GRANTED - {exception}, NEEDED) == [f"an exception, but not granted: {exception}"]


def test_requests_are_read_from_the_audit_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, found = tmp_path / "audit.log", tmp_path / "found"
    lines = [
        json.dumps(event("list", resource="pods")),
        json.dumps(event("list", resource="pods")),
        json.dumps(
            event("patch", "forbid", resource="cryostats", subresource="status", apiGroup="operator.cryostat.io")
        ),
        json.dumps(event("get", user="jane", resource="nodes")),
        json.dumps(event("get")),  # a path that is not a resource
        '{"half": "written", "user": "' + SERVICE_ACCOUNT,
    ]
    log.write_text("\n".join(lines))
    found.mkdir()
    permissions.record(log)
    assert list(found.iterdir()) == [], "no request was sent"
    monkeypatch.setenv(permissions.DIRECTORY, str(found))
    permissions.record(log)
    status = Permission("operator.cryostat.io", "cryostats/status", "patch")
    assert permissions.recorded(found) == {Request(PODS, True), Request(status, False)}


def event(verb: str, decision: str = "allow", user: str = SERVICE_ACCOUNT, **reference: Any) -> dict[str, Any]:
    return {
        "verb": verb,
        "user": {"username": f"system:serviceaccount:cryostat-operator-system:{user}"},
        "annotations": {"authorization.k8s.io/decision": decision},
        **({"objectRef": reference} if reference else {}),
    }


BACKUPS = {
    constants.ANNOTATION_BACKUP_SCHEDULE: "@daily",
    constants.ANNOTATION_BACKUP_TARGET: "pvc:backups",
    constants.ANNOTATION_BACKUP_SECRET: "target",
}
REFUSALS = {
    ("cryostats/finalizers", "update"): "blockOwnerDeletion",
    ("routes/custom-host", "create"): "you do not have permission to set the host field",
    ("routes/custom-host", "update"): "spec.host: Invalid value: field is immutable",
    ("persistentvolumeclaims", "delete"): "cannot set an ownerRef on a resource you can't delete",
    ("clusterroles", "bind"): "attempting to grant RBAC permissions not currently held",
}


@pytest.mark.parametrize("permission", CHECKED_BY_ADMISSION, ids=str)
def test_permissions_that_no_request_shows_are_needed(
    openshift_scenario: Scenario, router: Router, permission: Permission
) -> None:
    """Without it the API server refuses a write of the operator, and its message names the permission."""
    scenario, where = openshift_scenario, openshift_scenario.namespace()
    if permission not in (MOVE, RELEASE):
        take_away(scenario, permission)
    scenario.secret(where, "target", CRYOSTAT_BACKUP_PASSPHRASE="correct horse battery")
    asked = BACKUPS if permission.name.endswith("-backup") else {}
    host = {"coreConfig": {"externalHost": f"first.{where}.example.com"}}
    cr = scenario.cryostat(where, metadata={"annotations": asked}, networkOptions=host)
    if permission in (MOVE, RELEASE):
        scenario.wait_until_ready(cr)
        take_away(scenario, permission)
        scenario.annotate(cr, **{constants.ANNOTATION_DATA_RETENTION: "Retain"})
        scenario.change(cr, networkOptions={"coreConfig": {"externalHost": f"second.{where}.example.com"}})

    def reported() -> list[str]:
        conditions = (scenario.live(cr).get("status") or {}).get("conditions") or []
        messages = [each["message"] for each in conditions if each["reason"] in ("Forbidden", "RouteInvalid")]
        return [each for each in messages if REFUSALS[permission.resource, permission.verb] in each]

    eventually(reported, what="the refusal is reported")


def take_away(scenario: Scenario, permission: Permission) -> None:
    """Remove this permission from the operator's role for the test, and wait until it has an effect."""
    before = scenario.api.get("rbac.authorization.k8s.io/v1", "ClusterRole", install_names.CLUSTER_ROLE)
    rules = [left for rule in before["rules"] for left in without(rule, permission)]
    assert rules != before["rules"]
    scenario.api.patch(before, {"rules": rules})
    scenario.undo(lambda: scenario.api.patch(before, {"rules": before["rules"]}))
    resource, _, sub = permission.resource.partition("/")
    attributes = {
        **{"group": permission.group, "resource": resource, "subresource": sub},
        **{"verb": permission.verb, "name": permission.name},
    }
    user = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
    review: Object = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
    review |= {"metadata": {"name": ""}, "spec": {"user": user, "resourceAttributes": attributes}}
    eventually(lambda: not scenario.api.create(review)["status"]["allowed"], what=f"no longer allowed: {permission}")


def without(rule: Object, permission: Permission) -> list[Object]:
    """Rules that grant the same permissions as `rule` without one of them."""
    only, resource, verb = rule.get("resourceNames") or [], permission.resource, permission.verb
    hit = permission.group in rule["apiGroups"] and resource in rule["resources"] and verb in rule["verbs"]
    if not hit or (only and permission.name not in only):
        return [rule]
    others = [
        {**rule, "resources": [each for each in rule["resources"] if each != resource]},
        {**rule, "resources": [resource], "verbs": [each for each in rule["verbs"] if each != verb]},
    ]
    if only:
        rest = [each for each in only if each != permission.name]
        others.append({**rule, "resources": [resource], "verbs": [verb], "resourceNames": rest})
    return [each for each in others if each["resources"] and each["verbs"] and each.get("resourceNames", ["any"])]
