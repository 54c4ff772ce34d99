"""Compares the permissions that the operator used in a whole run of tests with those that its roles grant.

`pytest --audit-permissions` (part of `make test`) fails if a granted permission was not used, or if a request was
refused for lack of a permission. Without the option nothing is compared, because few tests use few permissions.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.cluster.api import Object
from tests.cluster.operator_process import SERVICE_ACCOUNT

DIRECTORY = "CRYOSTAT_TEST_PERMISSIONS"  # environment variable: the folder for the records of control planes
_GROUP = "rbac.authorization.k8s.io"
_ALLOWED = "allow"


class Permission(NamedTuple):
    """One verb on one resource or subresource (`cryostats/status`), limited to the object `name` unless it is empty."""

    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        where = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {where}" + (f" {self.name}" if self.name else "")


class Request(NamedTuple):
    """A requested permission, and whether the authorizer allowed it."""

    permission: Permission
    allowed: bool


# Exceptions: permissions that the API server checks while it handles a request for which another permission is needed.
# The audit log does not show these checks.
CHECKED_BY_ADMISSION = {
    Permission("operator.cryostat.io", "cryostats/finalizers", "update"): (
        "OwnerReferencesPermissionEnforcement checks it if an owner reference blocks the deletion of its owner"
    ),
    Permission("", "persistentvolumeclaims", "delete"): (
        "OwnerReferencesPermissionEnforcement checks it if an owner reference of a retained claim is added or removed"
    ),
    Permission("route.openshift.io", "routes/custom-host", "create"): "OpenShift checks it if a Route has a host",
    Permission("route.openshift.io", "routes/custom-host", "update"): "OpenShift checks it if that host changes",
    Permission(_GROUP, "clusterroles", "bind", "cryostat-operator-cryostat-namespaced"): (
        "RBAC checks it if a RoleBinding refers to this role"
    ),
    Permission(_GROUP, "clusterroles", "bind", "cryostat-operator-backup"): (
        "RBAC checks it if a RoleBinding refers to this role"
    ),
}


def record(audit_log: Path) -> None:
    """Record the operator's requests from the audit log of a control plane that ends, if this run compares them."""
    directory = os.environ.get(DIRECTORY)
    if not directory or not audit_log.exists():
        return
    seen = set()
    with audit_log.open() as log:
        for line in log:
            if SERVICE_ACCOUNT in line and (request := _request(line)):
                seen.add(request)
    lines = (json.dumps([*permission, allowed]) for permission, allowed in sorted(seen))
    (Path(directory) / uuid.uuid4().hex).write_text("".join(f"{line}\n" for line in lines))


def recorded(directory: Path) -> set[Request]:
    """The recorded requests of all control planes of a run."""
    lines = (line for path in directory.iterdir() for line in path.read_text().splitlines())
    return {Request(Permission(*fields), allowed) for *fields, allowed in map(json.loads, lines)}


def granted(objects: Iterable[Object]) -> set[Permission]:
    """All permissions of the roles that these objects bind the operator to."""
    known = list(objects)
    bound = {
        (each["roleRef"]["kind"], each["roleRef"]["name"])
        for each in known
        if each["kind"] in ("ClusterRoleBinding", "RoleBinding")
        and SERVICE_ACCOUNT in [subject["name"] for subject in each["subjects"]]
    }
    roles = (each for each in known if (each["kind"], each["metadata"]["name"]) in bound)
    return {permission for role in roles for rule in role["rules"] for permission in _permissions(rule)}


def complaints(grants: set[Permission], requests: set[Request]) -> list[str]:
    """The differences between roles and use, one text each: unused permissions, refused requests, wrong exceptions.

    A refused request for a granted permission is ignored: a test had removed this permission for a while.
    """
    used = {grant for request in requests if request.allowed for grant in _forms(request.permission)}
    refused = {request.permission for request in requests if not request.allowed}
    exceptions = set(CHECKED_BY_ADMISSION)
    return [
        *(f"granted, but never used: {each}" for each in sorted(grants - used - exceptions)),
        *(f"refused, because it is not granted: {each}" for each in sorted(refused) if not _forms(each) & grants),
        *(f"an exception, but not granted: {each}" for each in sorted(exceptions - grants)),
        *(f"an exception, but used: {each}" for each in sorted(exceptions & used)),
    ]


def _request(line: str) -> Request | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None  # incomplete line: the API server was killed
    reference = event.get("objectRef") or {}
    decision = (event.get("annotations") or {}).get("authorization.k8s.io/decision")
    is_operator = event["user"].get("username", "").endswith(f":{SERVICE_ACCOUNT}")
    if not is_operator or not decision or not reference.get("resource"):
        return None
    resource = "/".join(filter(None, (reference["resource"], reference.get("subresource"))))
    permission = Permission(reference.get("apiGroup", ""), resource, event["verb"], reference.get("name", ""))
    return Request(permission, decision == _ALLOWED)


def _forms(permission: Permission) -> set[Permission]:
    """The permissions that allow this request: for the object's name, or for all names."""
    return {permission, permission._replace(name="")}


def _permissions(rule: Object) -> Iterator[Permission]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames") or [""]:
                    yield Permission(group, resource, verb, name)
