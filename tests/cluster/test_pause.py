"""Annotations that stop an instance. During a pause only the status is written; hibernation stops the pods."""

from __future__ import annotations

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import Object, condition, eventually
from tests.cluster.scenario import Scenario, callback_of

PAUSE = constants.ANNOTATION_PAUSE
HIBERNATION = constants.ANNOTATION_HIBERNATION
CONTAINER = {"name": "c", "image": "example.com/other"}
JOB_TEMPLATE = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}}


def paused(scenario: Scenario, cr: Object) -> None:
    scenario.annotate(cr, **{PAUSE: "true"})
    scenario.wait_for_reason(cr, "Paused", type="ReconciliationActive")
    scenario.wait_for_reason(cr, "Paused")
    scenario.wait_until_idle()


def test_nothing_is_written_until_the_pause_ends(scenario: Scenario) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.wait_until_ready(cr)
    paused(scenario, cr)
    mark = scenario.plane.audit_mark()
    scenario.api.delete(scenario.get("Deployment", where, "x-database"))
    words = (f"Deployment {where}/x-database differs from the spec", "does not change that")
    found = scenario.wait_for_reason(cr, "Paused", *words, type="Reconciled")
    assert found["status"] == "False"
    deployment = scenario.get("Deployment", where, "x")
    scenario.api.delete(scenario.get("Service", where, "x-storage"))
    scenario.api.delete(scenario.get("NetworkPolicy", where, "x-internal-ingress"))
    scenario.api.patch(deployment, {"spec": {"replicas": 0}})
    scenario.change(cr, targetNamespaces=[where, target], reportOptions={"replicas": 1})
    generation = scenario.live(cr)["metadata"]["generation"]
    eventually(lambda: scenario.live(cr)["status"]["observedGeneration"] == generation, what="the change is observed")
    with scenario.stopped():
        pass
    scenario.wait_until_idle()
    assert {write.resource for write in scenario.writes(mark)} <= {"cryostats/status"}
    assert scenario.find("Service", where, "x-storage") is None
    assert scenario.get("Deployment", where, "x")["spec"]["replicas"] == 0
    assert condition(scenario.live(cr), "ReconciliationActive")["status"] == "False"
    scenario.annotate(cr, **{PAUSE: None})
    body = scenario.wait_until_ready(cr)
    assert condition(body, "ReconciliationActive") == condition(body, "Reconciled") == {}
    assert scenario.get("Deployment", where, "x")["spec"]["replicas"] == 1
    for place, name in ((where, "x-storage"), (where, "x-reports"), (target, callback_of(cr))):
        assert scenario.find("Service", place, name), name


def test_a_scheduled_backup_follows_its_annotations(scenario: Scenario) -> None:
    where = scenario.namespace()
    scenario.secret(where, "target", CRYOSTAT_BACKUP_PASSPHRASE="correct horse battery")
    taken = scenario.make("CronJob", where, "x-backup", spec={"schedule": "@daily", "jobTemplate": JOB_TEMPLATE})
    mark = scenario.plane.audit_mark()
    cr = scenario.wait_until_ready(scenario.cryostat(where))
    assert not [path for path in scenario.reads(mark) if "cronjobs" in path], "nothing asks for a schedule"
    asked = {
        constants.ANNOTATION_BACKUP_SCHEDULE: "17 3 * * *",
        constants.ANNOTATION_BACKUP_TARGET: "pvc:backups",
        constants.ANNOTATION_BACKUP_SECRET: "target",
    }
    scenario.annotate(cr, **asked)
    scenario.wait_for_reason(cr, "NameCollision", f"CronJob {where}/x-backup", type="Reconciled")
    scenario.api.delete(taken)
    scenario.wait_until_ready(cr)
    eventually(lambda: scenario.find("CronJob", where, "x-backup"), what="the CronJob is created")
    job = scenario.get("CronJob", where, "x-backup")
    assert scenario.find("RoleBinding", where, "x-backup")
    scenario.wait_until_idle()
    mark = scenario.plane.audit_mark()
    with scenario.stopped():
        pass
    scenario.wait_until_idle()
    assert scenario.writes(mark) == [], "defaults of the API server are not a difference"
    scenario.annotate(cr, **{constants.ANNOTATION_BACKUP_SCHEDULE: "@hourly"})
    eventually(
        lambda: scenario.get("CronJob", where, "x-backup")["spec"]["schedule"] == "@hourly", what="the new schedule"
    )
    assert scenario.get("CronJob", where, "x-backup")["metadata"]["uid"] == job["metadata"]["uid"]
    with scenario.stopped():
        scenario.annotate(cr, **dict.fromkeys(asked))
    kinds = ("CronJob", "RoleBinding", "ServiceAccount")
    eventually(lambda: not any(scenario.find(each, where, "x-backup") for each in kinds), what="all is deleted")


@pytest.mark.parametrize("value", ["false", "", "True "])
def test_only_the_value_true_pauses(scenario: Scenario, value: str) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where, metadata={"annotations": {PAUSE: value}})
    assert condition(scenario.wait_until_ready(cr), "ReconciliationActive") == {}


def test_no_object_is_created_for_a_new_instance_that_is_paused(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where, metadata={"annotations": {PAUSE: "true"}})
    scenario.wait_for_reason(cr, "Paused")
    scenario.wait_until_idle()
    assert scenario.owned_objects(cr) == []
    assert scenario.live(cr)["metadata"].get("finalizers", []) == []
    scenario.annotate(cr, **{PAUSE: None})
    scenario.wait_until_ready(cr)


@pytest.mark.parametrize("away", [False, True])
def test_a_paused_instance_can_be_deleted(scenario: Scenario, away: bool) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    cr = scenario.cryostat(where, targetNamespaces=[where, target])
    scenario.wait_until_ready(cr)
    paused(scenario, cr)
    if away:
        with scenario.stopped():
            scenario.api.delete(cr)
        scenario.wait_until_deleted(cr)
    else:
        scenario.delete(cr)
    scenario.wait_for_no_objects(cr)


def test_hibernation_stops_the_database_last_and_keeps_everything_else(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where, reportOptions={"replicas": 2})
    scenario.wait_until_ready(cr)
    scenario.plane.kubectl("scale", "deployment", "x-reports", "-n", where, "--replicas=1")
    scenario.wait_for_reason(cr, "ReplicasScaled", type="SpecEffective")
    objects = identities(scenario, cr)
    mark = scenario.plane.audit_mark()
    scenario.annotate(cr, **{HIBERNATION: "on"})
    scenario.wait_for_reason(cr, "Hibernated")
    assert scenario.live(cr)["status"]["summary"] == "Hibernated"
    assert condition(scenario.live(cr), "Hibernation")["status"] == "True"
    scenario.wait_until_idle()
    stopped = [write.name for write in scenario.writes(mark) if write.resource == "deployments" and write.succeeded]
    assert {*stopped[:2]} == {"x", "x-reports"}
    assert {*stopped[2:]} == {"x-database", "x-storage"}
    assert len(stopped) == 4
    mark = scenario.plane.audit_mark()
    with scenario.stopped():
        pass
    scenario.wait_until_idle()
    assert scenario.writes(mark) == []
    assert identities(scenario, cr) == objects
    scenario.annotate(cr, **{HIBERNATION: None})
    scenario.wait_until_ready(cr)
    assert scenario.get("Deployment", where, "x-reports")["spec"]["replicas"] == 2
    scenario.annotate(cr, **{HIBERNATION: "on"})
    scenario.wait_for_reason(cr, "Hibernated")
    scenario.delete(cr)
    scenario.wait_for_no_objects(cr)


def identities(scenario: Scenario, cr: Object) -> set[str]:
    return {each["metadata"]["uid"] for each in scenario.owned_objects(cr)}
