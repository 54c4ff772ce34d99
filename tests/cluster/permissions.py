"""What the operator asked of the API server in a whole run of tests, held against what its roles grant.

`pytest --audit-permissions` (part of `make test`) fails when a permission is granted that nothing used, or when
something was refused for lack of one. A run of a few tests uses only a few permissions, so it does not ask.
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

DIRECTORY = "CRYOSTAT_TEST_PERMISSIONS"  # environment variable: where control planes leave what they saw
_GROUP = "rbac.authorization.k8s.io"
_ALLOWED = "allow"


class Permission(NamedTuple):
    """One verb on one resource (with its subresource, `cryostats/status`), perhaps only on the object of this name."""

    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        where = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.verb} {where}" + (f" {self.name}" if self.name else "")


class Request(NamedTuple):
    """What was asked for, and whether the authorizer allowed it."""

    permission: Permission
    allowed: bool


# Granted, but never asked for by a request of its own: the API server looks whether the operator *would* be allowed.
CHECKED_BY_ADMISSION = {
    Permission("operator.cryostat.io", "cryostats/finalizers", "update"): (
        "OwnerReferencesPermissionEnforcement asks for it where an owner reference blocks the deletion of its owner"
    ),
    Permission("", "persistentvolumeclaims", "delete"): (
        "OwnerReferencesPermissionEnforcement asks for it where a retained claim loses its owner or gets one"
    ),
    Permission("route.openshift.io", "routes/custom-host", "create"): "OpenShift asks for it where a Route has a host",
    Permission("route.openshift.io", "routes/custom-host", "update"): "OpenShift asks for it where that host changes",
    Permission(_GROUP, "clusterroles", "bind", "cryostat-operator-cryostat-namespaced"): (
        "RBAC asks for it where a RoleBinding refers to this role"
    ),
    Permission(_GROUP, "clusterroles", "bind", "cryostat-operator-backup"): (
        "RBAC asks for it where a RoleBinding refers to this role"
    ),
}


def record(audit_log: Path) -> None:
    """Keep what the operator asked for, if this run wants to know; called when a control plane ends."""
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
    """What all control planes of a run have seen."""
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
    """What is wrong, one sentence each; empty when everything granted is needed, and everything needed is granted.

    A refusal of something that is granted is left out: a test had taken it away for a while.
    """
    used = {grant for request in requests if request.allowed for grant in _forms(request.permission)}
    refused = {request.permission for request in requests if not request.allowed}
    excused = set(CHECKED_BY_ADMISSION)
    return [
        *(f"granted, but never used: {each}" for each in sorted(grants - used - excused)),
        *(f"refused, because it is not granted: {each}" for each in sorted(refused) if not _forms(each) & grants),
        *(f"excused, but not granted: {each}" for each in sorted(excused - grants)),
        *(f"excused, but used: {each}" for each in sorted(excused & used)),
    ]


def _request(line: str) -> Request | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None  # the API server was killed while it wrote
    reference = event.get("objectRef") or {}
    decision = (event.get("annotations") or {}).get("authorization.k8s.io/decision")
    ours = event["user"].get("username", "").endswith(f":{SERVICE_ACCOUNT}")
    if not ours or not decision or not reference.get("resource"):
        return None
    resource = "/".join(filter(None, (reference["resource"], reference.get("subresource"))))
    permission = Permission(reference.get("apiGroup", ""), resource, event["verb"], reference.get("name", ""))
    return Request(permission, decision == _ALLOWED)


def _forms(permission: Permission) -> set[Permission]:
    """The permission as a rule may grant it: for this name, or for all."""
    return {permission, permission._replace(name="")}


def _permissions(rule: Object) -> Iterator[Permission]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames") or [""]:
                    yield Permission(group, resource, verb, name)
