"""The check that a whole run makes of the operator's permissions: what it notices, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.packaging import install
from tests.cluster import permissions
from tests.cluster.operator_process import SERVICE_ACCOUNT, manifests
from tests.cluster.permissions import CHECKED_BY_ADMISSION, Permission, Request

GRANTED = permissions.granted(manifests(deployment=False))
NEEDED = {Request(each, True) for each in GRANTED - set(CHECKED_BY_ADMISSION)}
PODS = Permission("", "pods", "list")
LEASE = Permission("coordination.k8s.io", "leases", "update", "d696d7ab.redhat.com")


def test_what_is_granted_is_all_that_is_installed() -> None:
    named = {each._replace(name="") for each in GRANTED}
    for rule in install.operator_rules():
        for verb in rule["verbs"]:
            assert {Permission(rule["apiGroups"][0], each, verb) for each in rule["resources"]} <= named
    assert {PODS, LEASE} <= GRANTED
    assert Permission("authentication.k8s.io", "tokenreviews", "create") not in GRANTED, "that is the instances'"


def test_it_is_silent_where_all_that_is_granted_was_used() -> None:
    assert permissions.complaints(GRANTED, NEEDED) == []


@pytest.mark.parametrize("unused", [PODS, LEASE])
def test_what_nobody_used_is_named(unused: Permission) -> None:
    assert permissions.complaints(GRANTED, NEEDED - {Request(unused, True)}) == [f"granted, but never used: {unused}"]


def test_a_name_counts_as_used_only_by_that_name() -> None:
    other = Request(LEASE._replace(name="other"), True)
    assert permissions.complaints(GRANTED, NEEDED - {Request(LEASE, True)} | {other}) == [
        f"granted, but never used: {LEASE}"
    ]


def test_what_was_refused_is_named_unless_it_is_granted() -> None:
    nodes = Permission("", "nodes", "get", "node-0")
    requests = NEEDED | {Request(nodes, False), Request(PODS, False)}
    assert permissions.complaints(GRANTED, requests) == [f"refused, because it is not granted: {nodes}"]


def test_an_excuse_that_is_not_needed_is_named() -> None:
    excused = next(iter(CHECKED_BY_ADMISSION))
    assert permissions.complaints(GRANTED, NEEDED | {Request(excused, True)}) == [f"excused, but used: {excused}"]
    assert permissions.complaints(GRANTED - {excused}, NEEDED) == [f"excused, but not granted: {excused}"]


def test_requests_are_read_from_the_audit_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, found = tmp_path / "audit.log", tmp_path / "found"
    lines = [
        json.dumps(event("list", resource="pods")),
        json.dumps(event("list", resource="pods")),
        json.dumps(
            event("patch", "forbid", resource="cryostats", subresource="status", apiGroup="operator.cryostat.io")
        ),
        json.dumps(event("get", user="somebody", resource="nodes")),
        json.dumps(event("get")),  # a path that is no resource
        '{"half": "written", "user": "' + SERVICE_ACCOUNT,
    ]
    log.write_text("\n".join(lines))
    found.mkdir()
    permissions.record(log)
    assert list(found.iterdir()) == [], "nobody asked"
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
