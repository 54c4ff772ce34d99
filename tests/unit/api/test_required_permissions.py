"""Permissions that the author of a Cryostat needs."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.api.created_objects import ContentPermission
from cryostat_operator.api.required_permissions import (
    HARMLESS_FIELDS,
    changed_access_field,
    privileges,
    required_permissions,
    secrets,
)
from cryostat_operator.api.v1beta2 import CryostatSpec
from tests.unit.api.cases import SCHEDULED


def with_spec(spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "x", "namespace": "here"}, "spec": spec}


def cryostat(**spec: Any) -> dict[str, Any]:
    return with_spec(spec)


def needed(new: dict[str, Any], old: dict[str, Any] | None = None, *, openshift: bool = False) -> list[str]:
    return [str(each) for each in required_permissions(new, old, openshift=openshift)]


CREATE = 'create cryostats.operator.cryostat.io in namespace "{}"'


def test_each_target_namespace_needs_the_permission_to_create_cryostats_there() -> None:
    assert needed(cryostat()) == [CREATE.format("here")]
    assert needed(cryostat(targetNamespaces=["a", "b", "a"])) == [CREATE.format("a"), CREATE.format("b")]


def test_secrets_need_the_permission_to_read_them() -> None:
    new = cryostat(databaseOptions={"secretName": "s"}, declarativeCredentials=[{"secretName": "s"}])
    assert needed(new) == [CREATE.format("here"), 'get secrets "s" in namespace "here"']


def test_an_update_needs_only_permissions_for_additions() -> None:
    old = cryostat(targetNamespaces=["a"])
    assert needed(cryostat(targetNamespaces=["a", "b"]), old) == [CREATE.format("b")]
    assert needed(old, cryostat(targetNamespaces=["a", "b"])) == []
    assert needed(cryostat(targetNamespaces=["a"], resources={"coreResources": {}}), old) == []


def test_a_change_of_access_needs_all_permissions_of_the_spec() -> None:
    old = cryostat(targetNamespaces=["a"])
    new = cryostat(targetNamespaces=["a"], authorizationOptions={"openShiftSSO": {"disable": True}})
    [permission] = required_permissions(new, old, openshift=False)
    assert str(permission) == CREATE.format("a")
    assert permission.cause == "a change of spec.authorizationOptions in a Cryostat with spec.targetNamespaces"


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
def test_a_change_of_a_harmless_field_needs_no_permission(field: str) -> None:
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
    assert list(privileges(given)) == [f"securityOptions.coreSecurityContext.{expected}"]
    assert len(needed(given)) == len(needed(cryostat())) + 1


def test_the_baseline_needs_no_permission() -> None:
    context = {"runAsUser": 0, "capabilities": {"add": ["CHOWN"], "drop": ["ALL"]}, "privileged": False}
    assert list(privileges(cryostat(securityOptions={"coreSecurityContext": context}))) == []


def test_every_secret_that_a_spec_names_is_reviewed() -> None:
    """The test fails for a new field with a Secret. Only the Ingress controller reads Secrets of an Ingress."""
    schema = CryostatSpec.model_json_schema(by_alias=True)
    owners = {name for name, node in schema["$defs"].items() if "secretName" in node.get("properties", {})}
    assert owners == {
        "CertificateSecret", "DatabaseOptions", "DeclarativeCredential", "ObjectStorageOptions", "SecretFile",
    }  # fmt: skip
    spec = {
        "authorizationOptions": {"basicAuth": {"secretName": "a", "filename": "f"}},
        "databaseOptions": {"secretName": "b"},
        "objectStorageOptions": {"secretName": "c"},
        "trustedCertSecrets": [{"secretName": "d"}, {"configMapName": "x"}],
        "declarativeCredentials": [{"secretName": "e"}],
    }
    assert [name for _, name in secrets(with_spec(spec)) if name] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("context", "count"),
    [
        ({}, 0),
        ({"privileged": False, "allowPrivilegeEscalation": True, "runAsUser": 0}, 0),
        ({"capabilities": {"add": ["CHOWN", "KILL"]}}, 0),
        ({"seccompProfile": {"type": "Localhost"}, "seLinuxOptions": {"type": "container_t", "level": "s0"}}, 0),
        ({"privileged": True, "procMount": "Unmasked"}, 2),
        ({"capabilities": {"add": ["ALL", "NET_RAW", "CHOWN"]}}, 2),
        ({"seccompProfile": {"type": "Unconfined"}, "appArmorProfile": {"type": "Unconfined"}}, 2),
        ({"seLinuxOptions": {"user": "u", "role": "r", "type": "spc_t"}}, 3),
        ({"windowsOptions": {"hostProcess": True}}, 1),
        ({"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_syncookies"}]}, 1),
    ],
)
def test_privileges(context: dict[str, Any], count: int) -> None:
    for spec in (
        {"securityOptions": {"coreSecurityContext": context}},
        {"reportOptions": {"securityOptions": {"podSecurityContext": context}}},
    ):
        assert len(list(privileges(with_spec(spec)))) == count


ACCESS_CHANGES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {"authorizationOptions": {"openShiftSSO": {"disable": True}}}),
    ({"authorizationOptions": {"basicAuth": {"secretName": "a", "filename": "b"}}}, {}),
    ({}, {"authorizationOptions": {"openShiftSSO": {"accessReview": {"verb": "get"}}}}),
    ({}, {"objectStorageOptions": {"provider": {"url": "https://elsewhere.example.com"}}}),
    ({}, {"networkPolicies": {"coreConfig": {"ingressDisabled": True}}}),
    ({}, {"enableCertManager": False}),
    ({"agentOptions": {"allowInsecure": False}}, {"agentOptions": {"allowInsecure": True}}),
    ({}, {"agentOptions": {"disableHostnameVerification": True}}),
    ({}, {"operandMetadata": {"podMetadata": {"annotations": {"sidecar.example.com/image": "x"}}}}),
]


@pytest.mark.parametrize(("before", "after"), ACCESS_CHANGES, ids=str)
def test_a_change_of_an_access_field_needs_all_permissions(before: Any, after: Any) -> None:
    held = {"targetNamespaces": ["here", "away", "gone"], "trustedCertSecrets": [{"secretName": "s"}]}
    old, new = with_spec({**held, **before}), with_spec({**held, **after, "targetNamespaces": ["here", "away"]})
    wanted = required_permissions(new, old, openshift=False)
    assert wanted == required_permissions(new, None, openshift=False)
    access = [each for each in wanted if not isinstance(each, ContentPermission)]
    assert [each.namespace for each in access if each.verb == "create"] == ["here", "away"]
    assert all(f"a change of spec.{next(iter(before or after))}" in each.cause for each in access)


def test_other_changes_need_no_further_permission() -> None:
    for before, after in (
        ({}, {"authorizationOptions": {"basicAuth": {}, "openShiftSSO": {"accessReview": {}}}}),
        ({"networkPolicies": None}, {"networkPolicies": {"coreConfig": {}}}),
        ({}, {"agentOptions": {"resources": {"limits": {"cpu": 1}}}}),
        ({}, {"reportOptions": {"replicas": 2}, "loggingOptions": {"coreLogLevel": "DEBUG"}}),
    ):
        assert (
            changed_access_field(with_spec(after), with_spec(before))
            == changed_access_field(with_spec(before), with_spec(after))
            == ""
        )


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ({}, {"networkOptions": {"coreConfig": {"annotations": {"a": "b"}}}}, "networkOptions"),
        ({}, {"serviceOptions": {"coreConfig": {"serviceType": "LoadBalancer"}}}, "serviceOptions"),
        ({}, {"automatedRules": [{"configMapName": "a", "filename": "b"}]}, "automatedRules"),
        ({}, {"trustedCertSecrets": [{"configMapName": "a"}]}, "trustedCertSecrets"),
        ({}, {"storageOptions": {"database": {"emptyDir": {"enabled": True}}}}, "storageOptions"),
        ({"enableAudit": True}, {"enableAudit": False}, "enableAudit"),
        ({}, {"targetDiscoveryOptions": {"discoveryPortNames": ["a"]}}, "targetDiscoveryOptions"),
        ({}, {"laterField": 1}, "laterField"),
        ({"agentOptions": {"resources": {"a": 1}}}, {"agentOptions": {"laterField": 1}}, "agentOptions.laterField"),
    ],
    ids=str,
)
def test_every_field_needs_the_review_unless_it_is_harmless(before: Any, after: Any, field: str) -> None:
    assert changed_access_field(with_spec(after), with_spec(before)) == field


@pytest.mark.parametrize(
    ("before", "after", "reviewed"),
    [
        (None, "u2", True),
        ("u1", "u1,u2", True),
        ("u1", "u2", True),
        ("u1, u2", "u2", False),
        ("u1", None, False),
        ("u1", " u1 ,", False),
    ],
)
def test_accepting_a_namespace_needs_all_permissions(before: Any, after: Any, reviewed: bool) -> None:
    def accepting(uids: str | None) -> dict[str, Any]:
        obj = with_spec({"targetNamespaces": ["here", "away"], "databaseOptions": {"secretName": "s"}})
        obj["metadata"]["annotations"] = {constants.ANNOTATION_ACCEPT_NAMESPACES: uids} if uids else None
        return obj

    wanted = required_permissions(accepting(after), accepting(before), openshift=False)
    expected = required_permissions(accepting(None), None, openshift=False) if reviewed else []
    assert wanted == expected
    assert all("metadata.annotations[operator.cryostat.io/accept-namespaces]" in each.cause for each in wanted)


def _scheduled(**changed: str) -> dict[str, Any]:
    obj = with_spec({"targetNamespaces": ["here"]})
    obj["metadata"]["annotations"] = SCHEDULED | {f"operator.cryostat.io/{k}": v for k, v in changed.items()}
    return obj


@pytest.mark.parametrize("key", ["backup-schedule", "backup-target", "backup-secret"])
def test_each_change_of_a_scheduled_backup_is_reviewed(key: str) -> None:
    expected = [
        "create cronjobs.batch",
        "create pods/exec",
        "create pods/portforward",
        "get secrets",
    ]
    plain, namespace = with_spec({"targetNamespaces": ["here"]}), _scheduled()["metadata"]["namespace"]
    for new, old in ((_scheduled(), plain), (_scheduled(**{key: "other"}), _scheduled())):
        required = required_permissions(new, old, openshift=False)
        assert [str(each) for each in required] == [f'{each} in namespace "{namespace}"' for each in expected]
    assert required_permissions(_scheduled(), _scheduled(), openshift=False) == []
    assert required_permissions(plain, _scheduled(), openshift=False) == []


def test_listed_harmless_fields_exist() -> None:
    known = {field.alias for field in CryostatSpec.model_fields.values()}
    assert {path.partition(".")[0] for path in HARMLESS_FIELDS} <= known
    assert all(HARMLESS_FIELDS.values())
