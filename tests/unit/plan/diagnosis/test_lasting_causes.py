"""The causes that are reported as Events, and their time."""

from __future__ import annotations

import math
from typing import Any

from cryostat_operator.plan.conditions import Report
from cryostat_operator.plan.diagnosis.lasting_causes import LastingCauses, lasting_causes
from cryostat_operator.plan.model.problems import PodFailure
from cryostat_operator.plan.model.reasons import Reason
from tests.unit.cluster_state import ClusterState, settled

UNSCHEDULABLE = PodFailure(Reason.POD_UNSCHEDULABLE, "its pod cannot be scheduled", since=100.0)
CRASH = PodFailure(Reason.CONTAINER_CRASHED, "container sample-db ended with exit code 1", container="sample-db")


def causes(state: ClusterState, now: float, **report: Any) -> LastingCauses:
    return lasting_causes(state.instance, state.plan, Report(**report), now)


def test_a_crash_is_announced_at_once() -> None:
    found = causes(settled(), 0.0, pods={"database": CRASH})
    [problem] = found.problems
    assert (problem.component, problem.reason, problem.actionable) == ("database", Reason.CONTAINER_CRASHED, True)
    assert problem.dedup_key == "sample-database sample-db"
    assert found.recheck_after == math.inf


def test_a_wait_is_announced_after_a_minute() -> None:
    pods = {"database": UNSCHEDULABLE}
    assert causes(settled(), 110.0, pods=pods) == LastingCauses([], 50.0)
    [problem] = causes(settled(), 160.0, pods=pods).problems
    assert problem.reason == Reason.POD_UNSCHEDULABLE


def test_pods_of_a_deployment_that_is_not_planned_do_not_count() -> None:
    assert causes(settled(), 0.0, pods={"reports": CRASH}) == LastingCauses([], math.inf)


def test_a_pause_is_announced_alone_and_is_no_warning() -> None:
    [problem] = causes(settled(), 0.0, pods={"database": CRASH}, paused=True).problems
    assert (problem.reason, problem.actionable) == (Reason.PAUSED, False)
    assert "operator.cryostat.io/pause-reconciliation" in problem.message


def test_hibernation_is_announced_and_is_no_warning() -> None:
    state = settled(annotations={"operator.cryostat.io/hibernation": "on"})
    [problem] = causes(state, 0.0).problems
    assert (problem.reason, problem.actionable, problem.dedup_key) == (Reason.HIBERNATED, False, "Hibernated")


def test_a_wrong_value_of_the_annotation_is_a_warning_besides_other_causes() -> None:
    state = settled(annotations={"operator.cryostat.io/hibernation": "yes"})
    found = causes(state, 0.0, pods={"database": CRASH}).problems
    assert [problem.reason for problem in found] == [Reason.HIBERNATION_INVALID, Reason.CONTAINER_CRASHED]
    assert found[0].actionable
