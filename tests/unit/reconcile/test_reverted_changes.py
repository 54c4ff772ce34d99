"""Reports of clients that repeatedly change what the operator restores."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from cryostat_operator.api import constants
from cryostat_operator.plan.diff.comparison import differences
from cryostat_operator.plan.diff.plan_diff import Change, Verb
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj
from cryostat_operator.plan.model.problems import Problem
from cryostat_operator.plan.model.reasons import Reason
from cryostat_operator.reconcile.outcomes import applied, refused
from cryostat_operator.reconcile.reconciler import Reconciler
from cryostat_operator.reconcile.reverted_changes import THRESHOLD, WINDOW_SECONDS, RevertedChanges
from tests.unit.clock import Clock
from tests.unit.reconcile.conftest import INSTANCE as SAMPLE
from tests.unit.reconcile.conftest import Cluster

INSTANCE, KEY = InstanceKey("here", "x"), Key("Deployment", "here", "x")
AUTOSCALER = {
    "other": True,
    "manager": "kube-controller-manager",
    "subresource": "scale",
    "fieldsV1": {"f:spec": {"f:replicas": {}}},
}


def deployment(replicas: int, *managed_fields: Obj, **labels: str) -> Obj:
    metadata: Obj = {"name": "x", "namespace": "here", "labels": labels, "managedFields": list(managed_fields)}
    return {"kind": "Deployment", "metadata": metadata, "spec": {"replicas": replicas, "template": {"metadata": {}}}}


def change(desired: Obj, live: Obj | None = None, verb: Verb = "replace") -> Change:
    return Change(verb, KEY, desired, live=live, paths=tuple(differences(desired, live)) if live else ())


class Case:
    """An instance at a time that a test sets."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.changes = RevertedChanges(self.clock)
        self.events: list[str] = []

    def write(self, *changes: Change, seconds: float = 15.0) -> None:
        for each in changes:
            [outcome] = self.changes.record(INSTANCE, [applied(each)])
            if event := outcome.change.event:
                assert (event.reason, event.actionable) == ("ChangeReverted", False)
                self.events.append(event.message)
            self.clock.now += seconds

    @property
    def messages(self) -> list[str]:
        return [problem.message for problem in self.changes.problems(INSTANCE)]


SCALED = change(deployment(1), deployment(3, AUTOSCALER))
MESSAGE = (
    "Deployment here/x: kube-controller-manager repeatedly changes spec.replicas, and the operator restores it. "
    "Exclude the object from what that client manages, or set the field in the Cryostat."
)


def test_an_autoscaler_is_reported_after_three_changes_with_its_name_and_the_field() -> None:
    case = Case()
    case.write(SCALED, SCALED)
    assert case.messages == []
    assert case.changes.recheck_after(INSTANCE) == math.inf
    case.write(SCALED)
    assert case.messages == [MESSAGE]
    [problem] = case.changes.problems(INSTANCE)
    assert (problem.component, problem.reason) == ("core", "ChangedByOthers")


def test_the_first_change_of_a_field_is_an_event_and_again_when_it_comes_back_later() -> None:
    case = Case()
    case.write(*[SCALED] * 5)
    event = (
        "Deployment here/x: kube-controller-manager had set spec.replicas, and the operator restored what the Cryostat "
        "requests. Change the Cryostat instead, if it has a field for this (docs/other-controllers.md)."
    )
    assert case.events == [event]
    case.clock.now += WINDOW_SECONDS
    case.write(SCALED)
    assert case.events == [event, event]


def test_a_field_that_another_client_removed_is_an_event_if_the_operator_wrote_the_same_before() -> None:
    case = Case()
    case.write(change(deployment(1), verb="create"))
    live = deployment(1)
    del live["spec"]["replicas"]
    case.write(change(deployment(1), live))
    assert [each.partition(",")[0] for each in case.events] == [
        "Deployment here/x: another client had set spec.replicas"
    ]


def test_fields_of_the_go_operator_cause_no_event_when_its_objects_are_adopted() -> None:
    case = Case()
    go_operator = {"other": True, "manager": "manager", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    adopted = change(deployment(1), deployment(3, go_operator))
    case.write(adopted)
    assert case.events == []
    case.write(adopted, adopted)  # another client of this name
    assert [each.partition(" repeatedly")[0] for each in case.messages] == ["Deployment here/x: manager"]


@pytest.mark.parametrize(("owner", "events"), [("uid-1", 1), ("uid-of-a-deleted-cryostat", 0), ("", 0)])
def test_a_deletion_is_an_event_also_if_an_earlier_process_created_the_object(owner: str, events: int) -> None:
    reference = {
        "apiVersion": constants.API_VERSION,
        "kind": "Cryostat",
        "uid": "uid-1",
        "name": "x",
        "controller": True,
    }
    desired = deployment(1)
    desired["metadata"]["ownerReferences"] = [reference]
    [outcome] = RevertedChanges().record(INSTANCE, [applied(change(desired, verb="create"))], {KEY: owner})
    found = [outcome.change.event.message] if outcome.change.event else []
    assert (
        found == ["Deployment here/x: another client deleted the object, and the operator created it again."] * events
    )


def test_an_event_names_three_fields_at_most() -> None:
    case = Case()
    live = deployment(1, AUTOSCALER)
    desired = {**deployment(1), "spec": {**deployment(1)["spec"], "a": 1, "b": 1, "c": 1, "d": 1}}
    case.write(change(desired, verb="create"))
    case.write(change(desired, {**live, "spec": {**live["spec"], "a": 2, "b": 2, "c": 2, "d": 2}}))
    assert [each.partition(" and the")[0] for each in case.events] == [
        "Deployment here/x: another client had set spec.a, spec.b, spec.c and 1 more,"
    ]


def test_other_events_of_a_change_are_kept() -> None:
    host = Problem("exposure", Reason.ROUTE_HOST_CHANGED, "moved")
    [outcome] = RevertedChanges().record(INSTANCE, [applied(replace(SCALED, event=host))])
    assert outcome.change.event == host


def test_the_report_stays_the_same_while_the_changes_go_on_and_ends_after_the_last_one() -> None:
    case = Case()
    for _ in range(200):
        case.write(SCALED)
        if case.messages:
            assert case.messages == [MESSAGE]
    due = case.changes.recheck_after(INSTANCE)
    assert due == WINDOW_SECONDS - 15.0
    case.clock.now += due - 1.0
    assert case.messages == [MESSAGE]
    case.clock.now += 1.0
    assert case.messages == []
    case.write(SCALED)
    assert case.messages == []


def test_changes_that_are_far_apart_are_not_reported() -> None:
    case = Case()
    for _ in range(10):
        case.write(SCALED, seconds=WINDOW_SECONDS / 2)
        assert case.messages == []


def test_changes_of_different_fields_are_counted_apart() -> None:
    case = Case()
    desired = deployment(1, a="1", b="1", c="1")
    for label in ("a", "b", "c"):
        live = deployment(1, **{**desired["metadata"]["labels"], label: "theirs"})
        case.write(change(desired, live), change(desired, live))
    assert case.messages == []
    case.write(change(desired, deployment(1, a="1", b="1", c="theirs")))
    assert case.events == []  # the client is not known, and the label may be changed in the Cryostat
    assert case.messages == [
        "Deployment here/x: another client repeatedly changes metadata.labels.c, and the operator restores it. "
        "Exclude the object from what that client manages, or set the field in the Cryostat."
    ]


def test_changes_of_the_spec_are_not_reported() -> None:
    case = Case()
    for replicas in range(1, 20):
        case.write(change(deployment(replicas + 1), deployment(replicas)))
    assert case.messages == case.events == []


def test_deletions_by_another_client_are_reported() -> None:
    case = Case()
    create = change(deployment(1), verb="create")
    case.write(create)
    assert case.events == []
    case.write(create, create)
    deleted = "Deployment here/x: another client deleted the object, and the operator created it again."
    assert (case.messages, case.events) == ([], [deleted])
    case.write(create)
    assert case.messages == [
        "Deployment here/x: another client repeatedly deletes the object, and the operator restores it. "
        "Exclude the object from what that client manages, or set the field in the Cryostat."
    ]


def test_deletions_by_the_operator_are_not_reported() -> None:
    case = Case()
    for _ in range(10):
        case.write(change(deployment(1), verb="create"), Change("delete", KEY))
    assert case.messages == case.events == []


def test_an_object_that_is_replaced_by_a_new_one_is_not_reported_as_deleted() -> None:
    case = Case()
    for _ in range(10):
        case.write(change(deployment(1), deployment(1), verb="recreate"), change(deployment(1), verb="create"))
    assert case.messages == case.events == []


def test_refused_writes_are_not_counted() -> None:
    case = Case()
    for _ in range(THRESHOLD):
        case.changes.record(INSTANCE, [refused(SCALED, Reason.FORBIDDEN, "no")])
    assert case.messages == []


def test_a_deleted_instance_or_a_new_term_is_forgotten() -> None:
    for forget in (RevertedChanges.reset, lambda changes: changes.forget(INSTANCE)):
        case = Case()
        case.write(*[SCALED] * THRESHOLD)
        assert case.messages
        forget(case.changes)
        assert case.messages == []


def test_other_instances_are_not_affected() -> None:
    case = Case()
    case.write(*[SCALED] * THRESHOLD)
    other: Any = InstanceKey("here", "y")
    assert case.changes.problems(other) == []
    assert case.changes.recheck_after(other) == math.inf


async def test_the_first_deletion_after_a_restart_is_an_event(cluster: Cluster, reconciler: Reconciler) -> None:
    cluster.cryostat()
    await reconciler(SAMPLE)
    reconciler.reset()  # as a new process, which has written nothing
    key = Key("Service", "here", "sample")
    deleted = cluster.live(key)
    cluster.server.remove(key)
    cluster.owned.store("Service").remove(deleted)
    await reconciler(SAMPLE)
    message = "Service here/sample: another client deleted the object, and the operator created it again."
    assert (Reason.CHANGE_REVERTED, message) in cluster.events()
