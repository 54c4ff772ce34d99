"""The pause annotation: only the status is written until it is removed."""

from __future__ import annotations

import pytest

from cryostat_operator.api import constants
from tests.cluster.api import Object, condition, eventually
from tests.cluster.scenario import Scenario, callback_of

PAUSE = constants.ANNOTATION_PAUSE


def paused(scenario: Scenario, cr: Object) -> None:
    scenario.annotate(cr, **{PAUSE: "true"})
    scenario.wait_for_reason(cr, "Paused", type="ReconciliationActive")
    scenario.wait_for_reason(cr, "Paused")
    scenario.settle()


def test_nothing_is_written_until_the_pause_ends(scenario: Scenario) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    cr = scenario.cryostat(where)
    scenario.ready(cr)
    paused(scenario, cr)
    mark = scenario.plane.audit_mark()
    deployment = scenario.get("Deployment", where, "x")
    scenario.api.delete(scenario.get("Service", where, "x-storage"))
    scenario.api.delete(scenario.get("NetworkPolicy", where, "x-internal-ingress"))
    scenario.api.patch(deployment, {"spec": {"replicas": 0}})
    scenario.change(cr, targetNamespaces=[where, target], reportOptions={"replicas": 1})
    generation = scenario.now(cr)["metadata"]["generation"]
    eventually(lambda: scenario.now(cr)["status"]["observedGeneration"] == generation, what="the change is observed")
    with scenario.down():
        pass
    scenario.settle()
    assert {write.resource for write in scenario.writes(mark)} <= {"cryostats/status"}
    assert scenario.find("Service", where, "x-storage") is None
    assert scenario.get("Deployment", where, "x")["spec"]["replicas"] == 0
    assert condition(scenario.now(cr), "ReconciliationActive")["status"] == "False"
    scenario.annotate(cr, **{PAUSE: None})
    body = scenario.ready(cr)
    assert condition(body, "ReconciliationActive") == {}
    assert scenario.get("Deployment", where, "x")["spec"]["replicas"] == 1
    for place, name in ((where, "x-storage"), (where, "x-reports"), (target, callback_of(cr))):
        assert scenario.find("Service", place, name), name


@pytest.mark.parametrize("value", ["false", "", "True "])
def test_only_the_word_true_pauses(scenario: Scenario, value: str) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where, metadata={"annotations": {PAUSE: value}})
    assert condition(scenario.ready(cr), "ReconciliationActive") == {}


def test_one_that_is_paused_from_the_start_makes_nothing(scenario: Scenario) -> None:
    where = scenario.namespace()
    cr = scenario.cryostat(where, metadata={"annotations": {PAUSE: "true"}})
    scenario.wait_for_reason(cr, "Paused")
    scenario.settle()
    assert scenario.owned_objects(cr) == []
    assert scenario.now(cr)["metadata"].get("finalizers", []) == []
    scenario.annotate(cr, **{PAUSE: None})
    scenario.ready(cr)


@pytest.mark.parametrize("away", [False, True])
def test_deletion_ends_all_the_same(scenario: Scenario, away: bool) -> None:
    where, target = scenario.namespace(), scenario.namespace()
    cr = scenario.cryostat(where, targetNamespaces=[where, target])
    scenario.ready(cr)
    paused(scenario, cr)
    if away:
        with scenario.down():
            scenario.api.delete(cr)
        scenario.gone(cr)
    else:
        scenario.delete(cr)
    scenario.nothing_left(cr)
