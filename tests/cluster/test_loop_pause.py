"""The pause annotation: nothing is written but the status, whatever happens, until it is taken away."""

from __future__ import annotations

import pytest

from cryostat_operator.desired import names
from tests.cluster.api import Object, condition, eventually
from tests.cluster.scenario import Scenario, callback_of

PAUSE = names.ANNOTATION_PAUSE


def paused(world: Scenario, cr: Object) -> None:
    world.annotate(cr, **{PAUSE: "true"})
    world.told(cr, "Paused", type="ReconciliationActive")
    world.told(cr, "Paused")
    world.settle()


def test_nothing_is_written_until_it_goes_on(world: Scenario) -> None:
    where, target = world.namespace(), world.namespace()
    cr = world.cryostat(where)
    world.ready(cr)
    paused(world, cr)
    mark = world.plane.audit_mark()
    deployment = world.get("Deployment", where, "x")
    world.api.delete(world.get("Service", where, "x-storage"))
    world.api.delete(world.get("NetworkPolicy", where, "x-internal-ingress"))
    world.api.patch(deployment, {"spec": {"replicas": 0}})
    world.change(cr, targetNamespaces=[where, target], reportOptions={"replicas": 1})
    generation = world.now(cr)["metadata"]["generation"]
    eventually(lambda: world.now(cr)["status"]["observedGeneration"] == generation, what="the change is seen")
    with world.down():
        pass
    world.settle()
    assert {write.resource for write in world.writes(mark)} <= {"cryostats/status"}
    assert world.find("Service", where, "x-storage") is None
    assert world.get("Deployment", where, "x")["spec"]["replicas"] == 0
    assert condition(world.now(cr), "ReconciliationActive")["status"] == "False"
    world.annotate(cr, **{PAUSE: None})
    body = world.ready(cr)
    assert condition(body, "ReconciliationActive") == {}
    assert world.get("Deployment", where, "x")["spec"]["replicas"] == 1
    for place, name in ((where, "x-storage"), (where, "x-reports"), (target, callback_of(cr))):
        assert world.find("Service", place, name), name


@pytest.mark.parametrize("value", ["false", "", "True "])
def test_only_the_word_true_pauses(world: Scenario, value: str) -> None:
    where = world.namespace()
    cr = world.cryostat(where, metadata={"annotations": {PAUSE: value}})
    assert condition(world.ready(cr), "ReconciliationActive") == {}


def test_one_that_is_paused_from_the_start_makes_nothing(world: Scenario) -> None:
    where = world.namespace()
    cr = world.cryostat(where, metadata={"annotations": {PAUSE: "true"}})
    world.told(cr, "Paused")
    world.settle()
    assert world.marked(cr) == []
    assert world.now(cr)["metadata"].get("finalizers", []) == []
    world.annotate(cr, **{PAUSE: None})
    world.ready(cr)


@pytest.mark.parametrize("away", [False, True])
def test_deletion_ends_all_the_same(world: Scenario, away: bool) -> None:
    where, target = world.namespace(), world.namespace()
    cr = world.cryostat(where, targetNamespaces=[where, target])
    world.ready(cr)
    paused(world, cr)
    if away:
        with world.down():
            world.api.delete(cr)
        world.gone(cr)
    else:
        world.delete(cr)
    world.nothing_left(cr)
