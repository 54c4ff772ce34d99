"""The Secret with the keys of the database, and the record of it on the claim."""

from __future__ import annotations

from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.model.kinds import Key
from cryostat_operator.plan.model.requests import RandomValue
from tests.unit.cluster_state import (
    NAMESPACE,
    ClusterState,
    cryostat,
    environment,
    find,
    reasons,
    requested_values,
    settled,
)

CLAIM = Key("PersistentVolumeClaim", NAMESPACE, "sample-database")
SECRET = Key("Secret", NAMESPACE, "sample-db")
DEPLOYMENT = Key("Deployment", NAMESPACE, "sample-database")
KEYS = ("CONNECTION_KEY", "ENCRYPTION_KEY")


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
