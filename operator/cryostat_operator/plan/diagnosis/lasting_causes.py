"""Finds the causes of unavailable Deployments that have lasted long enough for an event."""

from __future__ import annotations

import math
from typing import NamedTuple

from ...api import constants
from ..conditions import Report
from ..hibernation import cause as hibernation_cause
from ..hibernation import invalid_value, is_hibernated
from ..instance import Instance
from ..model.desired_state import Plan
from ..model.problems import Problem
from ..model.reasons import Reason
from ..readiness import desired_deployments, explanation_of
from .deployment_health import unavailable_cause


class LastingCauses(NamedTuple):
    """Causes that are announced by an event, and when to look again.

    Attributes:
        problems: one for each Deployment that has been unavailable for some time; the pause or hibernation of the
            Cryostat, or a wrong value of the annotation.
        recheck_after: seconds until a further cause is a lasting one; infinite if none will be.
    """

    problems: list[Problem]
    recheck_after: float


def lasting_causes(instance: Instance, plan: Plan, report: Report, now: float) -> LastingCauses:
    """Return the causes that the conditions of Deployments and pods show, besides the problems of the plan.

    Args:
        now: seconds since the epoch.
    """
    if report.paused:
        text = f'The annotation {constants.ANNOTATION_PAUSE}: "true" is set: no object is changed until it is removed.'
        return LastingCauses([Problem("core", Reason.PAUSED, text, dedup_key=str(Reason.PAUSED))], math.inf)
    if is_hibernated(instance):
        reason, text = hibernation_cause(instance)
        return LastingCauses([Problem("core", reason, text, dedup_key=str(reason))], math.inf)
    problems: list[Problem] = []
    if text := invalid_value(instance):
        reason = Reason.HIBERNATION_INVALID
        problems.append(Problem("core", reason, text, dedup_key=str(reason)))
    recheck_after = math.inf
    for _, name, component in desired_deployments(instance, plan):
        cause = unavailable_cause(instance, name, report.pods.get(component))
        if cause is None or cause.lasting_from is None or explanation_of(cause, plan, component):
            continue
        if cause.lasting_from > now:
            recheck_after = min(recheck_after, cause.lasting_from - now)
            continue
        problem = Problem(component, cause.reason, cause.message, actionable=True, dedup_key=cause.identity)
        problems.append(problem)
    return LastingCauses(problems, recheck_after)
