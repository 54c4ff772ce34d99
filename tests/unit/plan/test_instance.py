"""Values that follow from a Cryostat, its snapshot and the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.instance import DEFAULT_FS_GROUP, Instance
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj
from cryostat_operator.plan.model.snapshot import NamespaceState, Snapshot
from cryostat_operator.settings import Settings
from tests.unit.cluster_state import NAME, NAMESPACE, cryostat
from tests.unit.plan.tls.states import WITH, WITHOUT, state


@pytest.mark.parametrize(
    ("asked", "apis", "on", "way"),
    [
        (None, WITHOUT, True, "built-in"),
        (None, WITH, True, "cert-manager"),
        (None, WITH, False, "off"),
        (True, WITHOUT, False, "cert-manager"),
        (True, WITH, False, "cert-manager"),
        (False, WITH, True, "off"),
        (False, WITHOUT, True, "off"),
    ],
)
def test_the_issuer_of_certificates(asked: bool | None, apis: frozenset[str], on: bool, way: str) -> None:
    assert state(asked, apis=apis, on=on).instance.tls_issuer == way


def instance(spec: Obj | None = None, snapshot: Snapshot | None = None, **metadata: Any) -> Instance:
    return Instance(cryostat(spec, **metadata), snapshot or Snapshot(), Settings())


def login(**options: Any) -> Obj:
    return {"authorizationOptions": options}


FILE = {"basicAuth": {"secretName": "users", "filename": "htpasswd"}}
OPEN = {"openShiftSSO": {"disable": True}}


@pytest.mark.parametrize(
    ("spec", "openshift", "open_access", "generated", "used"),
    [
        ({}, False, False, f"{NAME}-basic-auth", f"{NAME}-basic-auth"),
        ({}, True, False, None, None),
        (login(**FILE), False, False, None, "users"),
        (login(**FILE), True, False, None, "users"),
        (login(**OPEN), False, True, None, None),
        (login(**OPEN, **FILE), False, False, None, "users"),
    ],
)
def test_the_secret_of_the_login(
    spec: Obj, openshift: bool, open_access: bool, generated: str | None, used: str | None
) -> None:
    found = instance(spec, Snapshot(openshift))
    assert (found.open_access, found.generated_login_secret, found.login_secret) == (open_access, generated, used)


@pytest.mark.parametrize(
    ("kind", "missing", "expected"),
    [("", False, True), ("IntegratedOAuth", False, True), ("OIDC", False, False), ("", True, False)],
)
def test_users_log_in_with_openshift_only_if_it_has_its_own_server(kind: str, missing: bool, expected: bool) -> None:
    snapshot = Snapshot(True, authentication_type=kind, authentication_missing=missing)
    assert instance({}, snapshot).openshift_login is expected
    assert instance({}, replace(snapshot, openshift=False)).openshift_login is False


@pytest.mark.parametrize(
    ("groups", "openshift", "expected"),
    [
        ("1000650000/10000", True, 1000650000),
        ("1000-2000,5000", True, 1000),
        ("7,9", True, 7),
        ("none", True, DEFAULT_FS_GROUP),
        ("", True, DEFAULT_FS_GROUP),
        ("1000650000/10000", False, DEFAULT_FS_GROUP),
    ],
)
def test_the_group_of_volumes_is_the_first_of_the_namespace_on_openshift(
    groups: str, openshift: bool, expected: int
) -> None:
    own = NamespaceState(annotations={constants.ANNOTATION_SUPPLEMENTAL_GROUPS: groups})
    assert instance({}, Snapshot(openshift, namespaces={NAMESPACE: own})).fs_group == expected
    assert instance({}, Snapshot(openshift)).fs_group == DEFAULT_FS_GROUP


def test_target_namespaces_are_listed_once_and_its_own_one_is_the_default() -> None:
    assert instance().target_namespaces == (NAMESPACE,)
    assert instance({"targetNamespaces": []}).target_namespaces == (NAMESPACE,)
    assert instance({"targetNamespaces": ["b", "a", "b"]}).target_namespaces == ("b", "a")


def test_objects_are_created_only_in_existing_namespaces_that_are_served() -> None:
    namespaces = {"a": NamespaceState(), "b": NamespaceState(terminating=True), "c": NamespaceState()}
    snapshot = Snapshot(namespaces=namespaces, not_served=frozenset({"c"}))
    assert instance({"targetNamespaces": ["a", "b", "c", "missing"]}, snapshot).reachable_targets == ("a",)
    recreated = replace(snapshot, namespaces={"a": NamespaceState(uid="2")}, first_uids={"a": "1"})
    assert instance({"targetNamespaces": ["a"]}, recreated).recreated_targets == {"a"}
    assert instance({"targetNamespaces": ["a"]}, recreated).reachable_targets == ()


def test_secrets_of_database_and_storage_have_names_of_the_spec_or_generated_ones() -> None:
    found = instance()
    assert (found.requested_database_secret, found.storage_secret) == (f"{NAME}-db", f"{NAME}-storage")
    options = {"databaseOptions": {"secretName": "d"}, "objectStorageOptions": {"secretName": "s"}}
    assert (instance(options).requested_database_secret, instance(options).storage_secret) == ("d", "s")


def with_claim(**metadata: Obj) -> Snapshot:
    key = Key("PersistentVolumeClaim", NAMESPACE, f"{NAME}-database")
    return Snapshot(live={key: {"kind": key.kind, "metadata": {"name": key.name, **metadata}}})


def test_an_existing_database_keeps_the_secret_that_is_recorded() -> None:
    record = {constants.LABEL_DATABASE_SECRET: "former"}
    renamed = {"databaseOptions": {"secretName": "new"}}
    for snapshot in (with_claim(labels=record), with_claim(annotations=record)):
        found = instance(renamed, snapshot)
        assert (found.database_secret, found.names_other_database_secret) == ("former", True)
    for snapshot in (Snapshot(), with_claim()):
        found = instance(renamed, snapshot)
        assert (found.database_secret, found.names_other_database_secret) == ("new", False)


def test_a_record_of_another_client_does_not_count_if_the_status_has_one() -> None:
    given = cryostat().model_copy(
        update={"status": cryostat().status.model_copy(update={"database_secret": "recorded"})}
    )
    forged = with_claim(labels={constants.LABEL_DATABASE_SECRET: "forged"})
    assert Instance(given, forged, Settings()).recorded_database_secret == "recorded"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("on", True), ("off", False), (None, False)],
)
def test_an_annotation_requests_hibernation(value: str | None, expected: bool) -> None:
    annotations = {constants.ANNOTATION_HIBERNATION: value} if value else None
    assert instance(annotations=annotations).hibernation_requested is expected
    assert instance(annotations=annotations).annotations == (annotations or {})


def test_names_labels_and_owner_reference_identify_the_cryostat() -> None:
    found = instance(uid="u")
    assert found.key == InstanceKey(NAMESPACE, NAME)
    assert found.ownership_labels == {constants.LABEL_NAME: NAME, constants.LABEL_NAMESPACE: NAMESPACE}
    assert found.owner_reference == {
        "apiVersion": constants.API_VERSION,
        "kind": "Cryostat",
        "name": NAME,
        "uid": "u",
        "controller": True,
        "blockOwnerDeletion": True,
    }
    assert found.service_host("a") == f"a.{NAMESPACE}.svc.cluster.local"


def test_components_use_https_with_tls() -> None:
    assert (state(False).instance.scheme, state(False).instance.tls) == ("http", False)
    assert (state().instance.scheme, state().instance.tls) == ("https", True)


def test_reports_are_generated_by_the_application_by_default() -> None:
    assert instance().report_replicas == 0
    assert instance({"reportOptions": {}}).report_replicas == 0
    assert instance({"reportOptions": {"replicas": 2}}).report_replicas == 2
