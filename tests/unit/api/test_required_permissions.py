"""Permissions that the author of a Cryostat needs."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import required_permissions
from cryostat_operator.api.required_permissions import HARMLESS_FIELDS, changed_access_field


def cryostat(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "here"}, "spec": spec}


def needed(new: dict[str, Any], old: dict[str, Any] | None = None, *, openshift: bool = False) -> list[str]:
    return [str(each) for each in required_permissions.required_permissions(new, old, openshift=openshift)]


CREATE = 'create cryostats.operator.cryostat.io in namespace "{}"'


def test_each_target_namespace_needs_the_permission_to_create_cryostats_there() -> None:
    assert needed(cryostat()) == [CREATE.format("here")]
    assert needed(cryostat(targetNamespaces=["a", "b", "a"])) == [CREATE.format("a"), CREATE.format("b")]


def test_secrets_need_the_permission_to_read_them() -> None:
    new = cryostat(databaseOptions={"secretName": "s"}, declarativeCredentials=[{"secretName": "s"}])
    assert needed(new) == [CREATE.format("here"), 'get secrets "s" in namespace "here"']


def test_an_update_needs_only_what_is_new() -> None:
    old = cryostat(targetNamespaces=["a"])
    assert needed(cryostat(targetNamespaces=["a", "b"]), old) == [CREATE.format("b")]
    assert needed(old, cryostat(targetNamespaces=["a", "b"])) == []
    assert needed(cryostat(targetNamespaces=["a"], resources={"coreResources": {}}), old) == []


def test_a_change_of_access_needs_everything() -> None:
    old = cryostat(targetNamespaces=["a"])
    new = cryostat(targetNamespaces=["a"], authorizationOptions={"openShiftSSO": {"disable": True}})
    [permission] = required_permissions.required_permissions(new, old, openshift=False)
    assert str(permission) == CREATE.format("a")
    assert permission.cause == "a change of spec.authorizationOptions with spec.targetNamespaces"


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ({"enableAudit": False}, {}, "enableAudit"),
        ({"agentOptions": {"resources": {"limits": {"cpu": "1"}}}}, {}, ""),
        ({"agentOptions": {"disableHostnameVerification": True}}, {}, "agentOptions.disableHostnameVerification"),
        ({"serviceOptions": {}, "networkOptions": {"coreConfig": {"labels": {}}}}, {}, ""),
        ({}, {"someFutureField": 1}, "someFutureField"),
    ],
)
def test_fields_that_change_the_access(new: dict[str, Any], old: dict[str, Any], expected: str) -> None:
    assert changed_access_field(cryostat(**new), cryostat(**old)) == expected


@pytest.mark.parametrize("field", sorted(HARMLESS_FIELDS))
def test_harmless_fields(field: str) -> None:
    spec: Any = 1
    for step in reversed(field.split(".")):
        spec = {step: spec}
    assert changed_access_field(cryostat(**spec), cryostat()) == ""


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"privileged": True}, "privileged=true"),
        ({"capabilities": {"add": ["NET_ADMIN"]}}, "capabilities.add=NET_ADMIN"),
        ({"seccompProfile": {"type": "Unconfined"}}, "seccompProfile.type=Unconfined"),
        ({"seLinuxOptions": {"type": "spc_t"}}, "seLinuxOptions.type=spc_t"),
        ({"procMount": "Unmasked"}, "procMount=Unmasked"),
    ],
)
def test_privileges_beyond_the_baseline(context: dict[str, Any], expected: str) -> None:
    given = cryostat(securityOptions={"coreSecurityContext": context})
    assert list(required_permissions.privileges(given)) == [f"securityOptions.coreSecurityContext.{expected}"]
    assert len(needed(given)) == len(needed(cryostat())) + 1


def test_the_baseline_needs_nothing() -> None:
    context = {"runAsUser": 0, "capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}, "privileged": False}
    assert list(required_permissions.privileges(cryostat(securityOptions={"coreSecurityContext": context}))) == []
