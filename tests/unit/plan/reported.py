"""Conditions that a plan reports."""

from __future__ import annotations

from typing import Any

from cryostat_operator.plan.conditions import Report, status_for
from cryostat_operator.plan.model.kinds import Obj
from cryostat_operator.plan.model.problems import Problem
from tests.unit.cluster_state import ClusterState


def condition(state: ClusterState, kind: str, *refusals: Problem, **report: Any) -> Obj:
    """A condition; empty if there is none."""
    conditions = status_for(state.instance, state.plan, Report(refusals, **report), "now")["conditions"]
    return next((each for each in conditions if each["type"] == kind), {})


def summary(found: Obj) -> tuple[str, str]:
    return found["status"], found["reason"]
