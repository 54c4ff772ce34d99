"""The database."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.diff.plan_diff import diff
from cryostat_operator.plan.model.kinds import Key, Obj
from cryostat_operator.plan.model.requests import RandomValue
from tests.unit.cluster_state import (
    NAMESPACE,
    ClusterState,
    changes,
    container,
    cryostat,
    environment,
    find,
    names_of,
    reasons,
    requested_values,
    settled,
    volumes,
)

CLAIM = Key("PersistentVolumeClaim", NAMESPACE, "sample-database")
SECRET = Key("Secret", NAMESPACE, "sample-db")
DEPLOYMENT = Key("Deployment", NAMESPACE, "sample-database")
KEYS = ("CONNECTION_KEY", "ENCRYPTION_KEY")


def test_another_service_port_reaches_the_application_but_not_the_container() -> None:
    spec = {"serviceOptions": {"databaseConfig": {"databasePort": 6543}}}
    assert changes(settled().plan, settled(spec).plan) == {
        "Service/sample-database.spec.ports[jdbc].port": 6543,
        "Deployment/sample.spec.template.spec.containers[sample].env[QUARKUS_DATASOURCE_JDBC_URL].value": (
            "jdbc:postgresql://sample-database.here.svc.cluster.local:6543/cryostat"
        ),
    }


def test_keys_are_requested_and_never_planned() -> None:
    plan = settled().plan
    assert requested_values(plan, SECRET) == {"CONNECTION_KEY": RandomValue(32), "ENCRYPTION_KEY": RandomValue(32)}
    secret = find(plan, "Secret", "sample-db")
    assert secret["immutable"] is True
    assert "data" not in secret
    assert "stringData" not in secret


def test_keys_of_the_user_are_used_by_both_sides_and_none_are_generated() -> None:
    plan = settled({"databaseOptions": {"secretName": "mine"}}).plan
    assert SECRET not in plan.requests
    assert SECRET not in plan.objects
    assert environment(plan)["QUARKUS_DATASOURCE_PASSWORD"] == "mine/CONNECTION_KEY"
    assert environment(plan, "sample-database", "sample-db") == {
        "PGDATA": "/var/lib/pgsql/data",
        "POSTGRESQL_USER": "cryostat",
        "POSTGRESQL_DATABASE": "cryostat",
        "POSTGRESQL_PASSWORD": "mine/CONNECTION_KEY",
        "PG_ENCRYPT_KEY": "mine/ENCRYPTION_KEY",
    }


def test_the_claim_is_not_created_before_the_keys_exist() -> None:
    state = ClusterState(cryostat())
    assert state.plan.blocked[CLAIM].problem.reason == "ReferencePending"
    assert CLAIM not in state.without_data("Secret", "sample-db").plan.objects
    assert state.plan.blocked[CLAIM].problem.reason == "SecretPending"
    assert not state.plan.blocked[CLAIM].problem.actionable
    assert CLAIM in state.with_data("Secret", "sample-db", *KEYS).plan.objects


@pytest.mark.parametrize("keys", [None, (), ("CONNECTION_KEY",)])
def test_lost_keys_of_an_existing_database_are_not_generated_again(keys: tuple[str, ...] | None) -> None:
    state = settled()
    if keys is None:
        state.without_data("Secret", "sample-db")
    else:
        state.with_data("Secret", "sample-db", *keys)
    plan = state.plan
    assert SECRET not in plan.requests
    assert SECRET not in plan.objects
    for key in (SECRET, DEPLOYMENT, CLAIM, Key("Deployment", NAMESPACE, "sample")):
        expected = "DatabaseSecretLost" if keys is None else "DatabaseKeysIncomplete"
        assert plan.blocked[key].problem.reason == expected
    assert Key("Deployment", NAMESPACE, "sample-storage") in plan.objects


def test_keys_that_were_not_looked_up_yet_are_not_generated_again_either() -> None:
    state = settled()
    state.snapshot = ClusterState(state.cryostat).with_live(*state.snapshot.live.values()).snapshot
    assert SECRET not in state.plan.requests
    assert state.plan.blocked[SECRET].problem.reason == "ReferencePending"
    assert state.plan.blocked[SECRET].problem.message == "Secret sample-db has not been read yet."


def test_lost_keys_of_a_database_without_claim_are_generated_again() -> None:
    spec = {"storageOptions": {"database": {"emptyDir": {"enabled": True}}}}
    assert SECRET in settled(spec).without_data("Secret", "sample-db").plan.requests


VALUES = {"CONNECTION_KEY": "password", "ENCRYPTION_KEY": "secret"}


def with_keys(spec: dict[str, Any] | None = None, secret: str = "sample-db") -> ClusterState:
    """An instance whose claim was created with known keys."""
    return ClusterState(cryostat(spec)).with_data("Secret", secret, **VALUES).settle()


def test_the_keys_are_recorded_on_the_new_claim() -> None:
    state = ClusterState(cryostat()).with_data("Secret", "sample-db", **VALUES)
    assert constants.ANNOTATION_DATABASE_KEYS in state.plan.objects[CLAIM]["metadata"]["annotations"]


@pytest.mark.parametrize(("spec", "secret"), [({}, "sample-db"), ({"databaseOptions": {"secretName": "mine"}}, "mine")])
@pytest.mark.parametrize("key", KEYS)
def test_other_values_reach_neither_database_nor_application(spec: dict[str, Any], secret: str, key: str) -> None:
    state = with_keys(spec, secret).with_data("Secret", secret, **VALUES | {key: "other"})
    plan = state.plan
    for blocked in (DEPLOYMENT, Key("Deployment", NAMESPACE, "sample")):
        problem = plan.blocked[blocked].problem
        assert (problem.reason, problem.actionable) == ("DatabaseKeysMismatched", True)
        assert f"Secret {secret} " in problem.message
        assert f"Restore the former value of {key} in" in problem.message
        assert "other" not in problem.message
    assert Key("Deployment", NAMESPACE, "sample-storage") in plan.objects
    assert not plan.requests.keys() & {Key("Secret", NAMESPACE, secret)}
    assert state.with_data("Secret", secret, **VALUES).plan.blocked == {}


def test_values_may_change_while_no_claim_holds_data() -> None:
    spec = {"storageOptions": {"database": {"emptyDir": {"enabled": True}}}}
    other = dict.fromkeys(VALUES, "other")
    assert with_keys(spec).with_data("Secret", "sample-db", **other).plan.blocked == {}
    state = with_keys()
    live = {key: obj for key, obj in state.snapshot.live.items() if key != CLAIM}
    state.snapshot = type(state.snapshot)(namespaces=state.snapshot.namespaces, data=state.snapshot.data, live=live)
    assert DEPLOYMENT in state.with_data("Secret", "sample-db", **other).plan.objects


def test_authors_of_the_spec_cannot_set_the_record() -> None:
    annotations = {constants.ANNOTATION_DATABASE_KEYS: "salt=x,CONNECTION_KEY=y,ENCRYPTION_KEY=z", "a": "b"}
    spec = {"storageOptions": {"database": {"pvc": {"annotations": annotations}}}}
    before = with_keys().snapshot.live[CLAIM]["metadata"]["annotations"]
    assert find(settled(spec).plan, *CLAIM[0::2])["metadata"]["annotations"] == {"a": "b"}
    assert find(with_keys(spec).plan, *CLAIM[0::2])["metadata"]["annotations"] == {"a": "b", **before}


@pytest.mark.parametrize(
    ("label", "label_is_ours", "in_status"),
    [
        (None, False, "sample-db"),
        ("edited-by-hand", False, "sample-db"),
        ("sample-db", True, "edited-by-hand"),
        ("sample-db", False, None),  # both were restored from a backup without any status
    ],
)
def test_other_keys_than_the_recorded_ones_are_refused_while_the_claim_exists(
    label: str | None, label_is_ours: bool, in_status: str | None
) -> None:
    state = settled({"databaseOptions": {"secretName": "other"}})
    metadata = state.snapshot.live[CLAIM]["metadata"]
    del metadata["labels"][constants.LABEL_DATABASE_SECRET]
    if label:
        metadata["labels"][constants.LABEL_DATABASE_SECRET] = label
    if label_is_ours:
        note: dict[str, object] = {"f:metadata": {"f:labels": {f"f:{constants.LABEL_DATABASE_SECRET}": {}}}}
        metadata["managedFields"] = [{"manager": "cryostat-operator", "fieldsV1": note}]
    status = {"databaseSecret": in_status}
    state.cryostat = type(state.cryostat).model_validate(
        {"metadata": state.cryostat.metadata, "spec": state.cryostat.spec, "status": status}
    )
    state.with_data("Secret", "sample-db", *KEYS)
    plan = state.plan
    assert reasons(plan.problems) == {"DatabaseSecretMismatched"}
    assert environment(plan)["QUARKUS_DATASOURCE_PASSWORD"] == "sample-db/CONNECTION_KEY"
    live = dict(state.snapshot.live)
    del live[CLAIM]
    state.snapshot = type(state.snapshot)(openshift=False, data=state.snapshot.data, live=live)
    assert "DatabaseSecretMismatched" not in reasons(state.plan.problems)
    assert environment_of_database(state)["POSTGRESQL_PASSWORD"] == "other/CONNECTION_KEY"


LONG_NAME = "a" * (constants.LONGEST_LABEL + 1)


def test_the_record_of_a_secret_with_a_long_name_is_an_annotation() -> None:
    metadata = {"labels": {constants.LABEL_DATABASE_SECRET: "forged"}}
    metadata["annotations"] = {constants.LABEL_DATABASE_SECRET: "forged"}
    options = {"storageOptions": {"database": {"pvc": metadata}}}
    claim = find(settled({"databaseOptions": {"secretName": LONG_NAME}, **options}).plan, *CLAIM[0::2])
    assert claim["metadata"]["annotations"][constants.LABEL_DATABASE_SECRET] == LONG_NAME
    assert constants.LABEL_DATABASE_SECRET not in claim["metadata"]["labels"]
    claim = find(settled({"databaseOptions": {"secretName": "short"}, **options}).plan, *CLAIM[0::2])
    assert claim["metadata"]["labels"][constants.LABEL_DATABASE_SECRET] == "short"
    assert constants.LABEL_DATABASE_SECRET not in claim["metadata"].get("annotations", {})


def test_another_secret_than_the_recorded_one_with_a_long_name_is_refused() -> None:
    state = settled({"databaseOptions": {"secretName": "other"}})
    metadata = state.snapshot.live[CLAIM]["metadata"]
    del metadata["labels"][constants.LABEL_DATABASE_SECRET]
    metadata["annotations"] = {constants.LABEL_DATABASE_SECRET: LONG_NAME}
    note: dict[str, object] = {"f:metadata": {"f:annotations": {f"f:{constants.LABEL_DATABASE_SECRET}": {}}}}
    metadata["managedFields"] = [{"manager": "cryostat-operator", "fieldsV1": note}]
    state.with_data("Secret", LONG_NAME, *KEYS)
    assert reasons(state.plan.problems) == {"DatabaseSecretMismatched"}
    assert environment(state.plan)["QUARKUS_DATASOURCE_PASSWORD"] == f"{LONG_NAME}/CONNECTION_KEY"


def environment_of_database(state: ClusterState) -> dict[str, Any]:
    return environment(state.plan, "sample-database", "sample-db")


@pytest.mark.parametrize(
    ("wanted", "live", "result"),
    [("1Gi", "500Mi", "1Gi"), ("500Mi", "1Gi", "1Gi"), ("1Gi", "1024Mi", "1024Mi"), ("2G", "1Gi", "2G")],
)
def test_a_claim_only_grows(wanted: str, live: str, result: str) -> None:
    def spec(size: str) -> dict[str, Any]:
        return {"storageOptions": {"database": {"pvc": {"spec": {"resources": {"requests": {"storage": size}}}}}}}

    state = settled(spec(live)).with_spec(spec(wanted))
    claim = find(state.plan, "PersistentVolumeClaim", "sample-database")
    assert claim["spec"]["resources"]["requests"]["storage"] == result


def test_nothing_else_of_an_existing_claim_changes() -> None:
    state = settled()
    live = state.snapshot.live[CLAIM]
    live["spec"] |= {"volumeName": "pv-1", "storageClassName": "standard", "volumeMode": "Filesystem"}
    changed = {"pvc": {"labels": {"a": "b"}, "spec": {"storageClassName": "fast", "accessModes": ["ReadWriteMany"]}}}
    claim = find(state.with_spec({"storageOptions": {"database": changed}}).plan, *CLAIM[0::2])
    assert claim["spec"] == live["spec"]
    assert claim["metadata"]["labels"]["a"] == "b"


def test_requests_without_storage_get_the_default_size() -> None:
    spec: dict[str, Any] = {"storageOptions": {"database": {"pvc": {"spec": {"resources": {"requests": {}}}}}}}
    claim = find(settled(spec).plan, "PersistentVolumeClaim", "sample-database")
    assert claim["spec"] == {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "500Mi"}}}


EMPTY_DIR = {"storageOptions": {"database": {"emptyDir": {"enabled": True, "medium": "Memory", "sizeLimit": "200Mi"}}}}


def test_an_empty_dir_replaces_the_claim() -> None:
    plan = settled(EMPTY_DIR).plan
    assert volumes(plan, "sample-database")["sample-database"] == {
        "emptyDir": {"medium": "Memory", "sizeLimit": "200Mi"}
    }
    assert CLAIM not in plan.objects


def test_an_existing_claim_is_not_replaced_by_an_empty_dir_without_confirmation() -> None:
    state = settled().with_spec(EMPTY_DIR)
    assert reasons(state.plan.problems) == {"DataLossConfirmationRequired"}
    assert "persistentVolumeClaim" in volumes(state.plan, "sample-database")["sample-database"]
    assert CLAIM in state.plan.objects
    confirmed = state.with_spec(EMPTY_DIR, annotations={constants.ANNOTATION_ALLOW_DATA_LOSS: "true"}).plan
    assert reasons(confirmed.problems) == set()
    assert "emptyDir" in volumes(confirmed, "sample-database")["sample-database"]
    assert CLAIM not in confirmed.objects


def test_the_deprecated_volume_serves_where_the_own_one_is_absent() -> None:
    spec: dict[str, Any] = {"storageOptions": {"pvc": {"spec": {"storageClassName": "slow"}}}}
    claim = find(settled(spec).plan, "PersistentVolumeClaim", "sample-database")
    assert claim["spec"]["storageClassName"] == "slow"
    spec["storageOptions"]["database"] = {}
    claim = find(settled(spec).plan, "PersistentVolumeClaim", "sample-database")
    assert "storageClassName" not in claim["spec"]


def test_pods_have_no_token_and_a_user_context_keeps_the_group_of_the_volume() -> None:
    spec = {"securityOptions": {"podSecurityContext": {"runAsUser": 5}}}
    pod = find(settled(spec).plan, "Deployment", "sample-database")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"] == {"fsGroup": 18500, "runAsUser": 5}


def test_tls_adds_arguments_a_volume_and_a_verified_connection() -> None:
    plan = settled({"enableCertManager": True}).plan
    directory = "/var/run/secrets/operator.cryostat.io/sample-database-tls"
    assert container(plan, "sample-database", "sample-db")["args"] == [
        *("-c", "ssl=on"),
        *("-c", f"ssl_cert_file={directory}/tls.crt"),
        *("-c", f"ssl_key_file={directory}/tls.key"),
    ]
    assert environment(plan)["QUARKUS_DATASOURCE_JDBC_URL"].endswith(
        f"?ssl=true&sslmode=verify-full&sslcert=&sslrootcert={directory}/ca.crt"
    )


def test_the_service_selects_exactly_the_pods_of_the_deployment() -> None:
    plan = settled({"reportOptions": {"replicas": 1}}).plan
    pods = {
        name: find(plan, "Deployment", name)["spec"]["template"]["metadata"]["labels"]
        for name in names_of(plan, "Deployment")
    }
    for service in ("sample", "sample-agent", "sample-database", "sample-storage", "sample-reports"):
        selector = find(plan, "Service", service)["spec"]["selector"]
        wanted = "sample" if service == "sample-agent" else service
        assert [name for name, labels in pods.items() if selector.items() <= labels.items()] == [wanted]


def test_the_volume_of_cryostat_3_is_neither_used_nor_deleted_and_reported() -> None:
    state = settled()
    former: Obj = {"kind": "PersistentVolumeClaim", "metadata": {"name": "sample", "namespace": NAMESPACE, "uid": "1"}}
    former["metadata"]["labels"] = state.instance.ownership_labels
    former["metadata"]["ownerReferences"] = [state.instance.owner_reference]
    state.with_live(former)
    assert [problem.message for problem in state.plan.warnings if problem.reason == "FormerVolumeUnused"] == [
        "PersistentVolumeClaim here/sample holds the data of Cryostat 3.0 or earlier (PostgreSQL 15). This version "
        "cannot read it, and neither mounts nor changes it. Export what is needed, then delete the claim "
        "(docs/upgrade.md)."
    ]
    used = {
        (volume.get("persistentVolumeClaim") or {}).get("claimName")
        for obj in state.plan.objects.values()
        if obj["kind"] == "Deployment"
        for volume in obj["spec"]["template"]["spec"].get("volumes") or ()
    }
    assert used == {None, "sample-database", "sample-storage"}
    changed = diff(state.plan, state.snapshot, state.cryostat.metadata["uid"]).changes
    assert [change for change in changed if change.key.name == "sample" and "Claim" in change.key.kind] == []
    assert state.plan.objects.keys() >= {CLAIM}
