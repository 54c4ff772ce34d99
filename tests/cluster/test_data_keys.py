"""The keys of the database are generated once per volume, and lost or changed keys are reported."""

from __future__ import annotations

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import Object, condition, eventually
from tests.cluster.database_keys import KEYS, copy, secret_in_use
from tests.cluster.scenario import Scenario


@pytest.mark.parametrize("restored", [(), ("labels",), ("labels", "ownerReferences")])
def test_lost_keys_are_not_generated_again(scenario: Scenario, restored: tuple[str, ...]) -> None:
    where = scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    before = scenario.get("Secret", where, "x-db")
    pods = scenario.get("Deployment", where, "x-database")["spec"]["template"]["spec"]
    scenario.api.delete(before)
    scenario.wait_for_reason(cr, "DatabaseSecretLost", "Secret x-db does not exist", "x-database")
    assert condition(scenario.live(cr), "DatabaseKeysReady")["status"] == "False"
    scenario.wait_until_idle()
    assert scenario.find("Secret", where, "x-db") is None
    assert scenario.get("Deployment", where, "x-database")["spec"]["template"]["spec"] == pods
    assert len(scenario.events(cr, "DatabaseSecretLost")) == 1
    with scenario.stopped():
        pass
    scenario.wait_until_idle()
    assert scenario.find("Secret", where, "x-db") is None
    scenario.api.create(copy(before, *restored))
    scenario.wait_until_ready(cr)
    after = scenario.get("Secret", where, "x-db")
    assert after["data"] == before["data"]
    assert after["metadata"]["labels"].items() >= before["metadata"]["labels"].items()
    assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]


def test_keys_are_generated_again_after_the_claim_is_deleted(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    old = scenario.get("Secret", where, "x-db")
    scenario.api.delete(old)
    scenario.wait_for_reason(cr, "DatabaseSecretLost")
    scenario.plane.add_volumes(1)
    scenario.api.delete(scenario.get("PersistentVolumeClaim", where, "x-database"))
    eventually(lambda: "deletionTimestamp" in scenario.get("PersistentVolumeClaim", where, "x-database")["metadata"])
    pods = scenario.api.path("v1", "Pod", where)
    scenario.api.request("DELETE", pods, labelSelector="component=database")
    scenario.wait_until_ready(cr)
    assert scenario.get("Secret", where, "x-db")["data"] != old["data"]


def test_the_name_of_the_secret_can_be_corrected_until_the_claim_exists(scenario: Scenario) -> None:
    where = scenario.namespace()
    scenario.secret(where, "right", **KEYS)
    cr = scenario.cryostat(where, databaseOptions={"secretName": "wrong"})
    scenario.wait_for_reason(cr, "SecretNotFound", "Secret wrong")
    scenario.change(cr, databaseOptions={"secretName": "right"})
    scenario.wait_until_ready(cr)
    assert scenario.live(cr)["status"]["databaseSecret"] == "right"
    assert scenario.find("Secret", where, "x-db") is None


@pytest.mark.parametrize("status", [None, {"databaseSecret": "other"}, {"databaseSecret": ""}])
def test_another_secret_is_refused_once_the_claim_exists(scenario: Scenario, status: Object | None) -> None:
    """Also where the status, in which the name is recorded, is lost or edited by hand."""
    where = scenario.namespace()
    scenario.secret(where, "other", **KEYS)
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    with scenario.stopped():
        scenario.api.patch(cr, {"status": status}, sub="status")
        scenario.change(cr, databaseOptions={"secretName": "other"})
    scenario.wait_for_reason(cr, "DatabaseSecretMismatched", "Secret other is not used", "x-db")
    assert secret_in_use(scenario, where) == "x-db"
    eventually(lambda: scenario.live(cr)["status"]["databaseSecret"] == "x-db")
    assert len(scenario.events(cr, "DatabaseSecretMismatched")) == 1
    eventually(lambda: condition(scenario.live(cr), "MainDeploymentAvailable").get("status") == "True")
    scenario.change(cr, databaseOptions=None)
    scenario.wait_until_ready(cr)


def test_keys_other_than_those_of_the_existing_database_are_refused(scenario: Scenario) -> None:
    """Also where the claim was created by an operator that recorded nothing."""
    where = scenario.namespace()
    keys = scenario.secret(where, "keys", **KEYS)
    cr = scenario.wait_until_ready(scenario.cryostat(where, databaseOptions={"secretName": "keys"}))
    places = [("Deployment", where, "x"), ("Deployment", where, "x-database")]
    before = [scenario.get(*place)["metadata"]["generation"] for place in places]

    def record() -> str | None:
        annotations = scenario.get("PersistentVolumeClaim", where, "x-database")["metadata"].get("annotations") or {}
        found: str | None = annotations.get(constants.ANNOTATION_DATABASE_KEYS)
        return found

    recorded = record()
    assert recorded
    with scenario.stopped():
        scenario.annotate(
            scenario.get("PersistentVolumeClaim", where, "x-database"), **{constants.ANNOTATION_DATABASE_KEYS: None}
        )
    eventually(lambda: record() == recorded, what="the keys that are in use are recorded")
    scenario.wait_until_ready(cr)
    scenario.wait_until_idle()
    mark = scenario.plane.audit_mark()
    scenario.api.patch(keys, {"stringData": {"ENCRYPTION_KEY": "three"}})
    scenario.wait_for_reason(cr, "DatabaseKeysMismatched", "Secret keys", "ENCRYPTION_KEY", "x-database")
    scenario.wait_for_reason(cr, "DatabaseKeysMismatched", type="DatabaseKeysReady")
    with scenario.stopped():
        pass
    scenario.wait_until_idle()
    assert len(scenario.events(cr, "DatabaseKeysMismatched")) == 1
    assert [scenario.get(*place)["metadata"]["generation"] for place in places] == before
    scenario.api.patch(keys, {"stringData": {"ENCRYPTION_KEY": KEYS["ENCRYPTION_KEY"]}})
    scenario.wait_until_ready(cr)
    assert [scenario.get(*place)["metadata"]["generation"] for place in places] == before
    assert {write.resource for write in scenario.writes(mark)} <= {"cryostats/status", "events"}


@pytest.mark.parametrize("label", ["other", None])
def test_an_edited_record_on_the_claim_is_restored(scenario: Scenario, label: str | None) -> None:
    where = scenario.namespace()
    scenario.secret(where, "other", **KEYS)
    cr = scenario.cryostat(where)
    scenario.wait_until_ready(cr)
    keys = scenario.get("Secret", where, "x-db")["data"]
    generation = scenario.get("Deployment", where, "x-database")["metadata"]["generation"]
    claim = scenario.get("PersistentVolumeClaim", where, "x-database")
    scenario.api.patch(claim, {"metadata": {"labels": {constants.LABEL_DATABASE_SECRET: label}}})

    def is_restored() -> bool:
        labels = scenario.get("PersistentVolumeClaim", where, "x-database")["metadata"]["labels"]
        return bool(labels.get(constants.LABEL_DATABASE_SECRET) == "x-db")

    eventually(is_restored, what="the record is restored")
    scenario.wait_until_ready(cr)
    assert scenario.get("Secret", where, "x-db")["data"] == keys
    assert scenario.get("Deployment", where, "x-database")["metadata"]["generation"] == generation


@pytest.mark.parametrize("content", ["as it was", "of no use"])
def test_a_secret_with_a_finalizer_is_used_or_generated_again(scenario: Scenario, content: str) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.wait_until_ready(cr)
    secret = scenario.get("Secret", where, "x-storage")
    kept = {key: secret["metadata"][key] for key in ("name", "namespace", "labels", "ownerReferences")}
    data = secret["data"] if content == "as it was" else {"SECRET_KEY": secret["data"]["SECRET_KEY"]}
    with scenario.stopped():
        scenario.api.delete(secret)
        protected = {"apiVersion": "v1", "kind": "Secret", "metadata": kept, "data": data, "immutable": True}
        eventually(lambda: scenario.api.create(protected), what="it exists and is immutable")
    scenario.wait_until_ready(cr)
    scenario.wait_until_idle()
    assert scenario.get("Secret", where, "x-storage")["data"] == secret["data"]


@pytest.mark.parametrize("value", ["", None])
def test_a_removed_value_is_generated_again(scenario: Scenario, value: str | None) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.wait_until_ready(cr)
    secret = scenario.get("Secret", where, "x-storage")
    scenario.api.patch(secret, {"data": {"SECRET_KEY": value}})
    eventually(
        lambda: scenario.get("Secret", where, "x-storage")["data"].get("SECRET_KEY"), what="the object exists again"
    )
    scenario.wait_until_ready(cr)
    assert scenario.get("Secret", where, "x-storage")["data"]["ACCESS_KEY"] == secret["data"]["ACCESS_KEY"]


def test_keys_without_labels_and_owner_are_recognized_by_their_field_manager(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.wait_until_ready(cr)
    keys = scenario.get("Secret", where, "x-db")
    with scenario.stopped():
        scenario.api.patch(keys, {"metadata": {"labels": None, "ownerReferences": None}})
    scenario.wait_until_idle()
    scenario.wait_until_ready(cr)
    after = scenario.get("Secret", where, "x-db")
    assert after["data"] == keys["data"]
    assert after["metadata"]["ownerReferences"] == keys["metadata"]["ownerReferences"]
