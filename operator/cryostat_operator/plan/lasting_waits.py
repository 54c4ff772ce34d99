"""Waits that have lasted for more than a minute: they are reported as problems."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from .model.messages import all_of
from .model.problems import Problem
from .model.reasons import Reason

LASTING_SECONDS = 60.0  # a wait that is longer is reported as a problem

LASTING: Mapping[Reason, Reason] = {
    Reason.WAITING_FOR_CERTIFICATE: Reason.CERTIFICATE_NOT_ISSUED,
    Reason.CERTIFICATE_PENDING: Reason.CERTIFICATE_NOT_ISSUED,
    Reason.OBJECT_BEING_DELETED: Reason.OBJECT_NOT_DELETED,
    Reason.ROUTE_NOT_ADMITTED: Reason.ROUTE_NOT_HANDLED,
}
"""Reason of a wait → its reason once it has lasted for a minute."""

_REMEDIES = {
    Reason.CERTIFICATE_NOT_ISSUED: "check that cert-manager runs, or see the log of the operator if it issues the "
    "certificates",
    Reason.OBJECT_NOT_DELETED: "check the controllers of the finalizers",
    Reason.ROUTE_NOT_HANDLED: "check that an ingress controller selects the namespace and the Route",
}


def with_lasting(problem: Problem, lasting: Collection[Reason]) -> Problem:
    """Return the problem, or if it is a lasting wait, the one that a user has to solve.

    Args:
        lasting: reasons of waits that have lasted for a minute.
    """
    if problem.reason not in lasting:
        return problem
    reason = LASTING[Reason(problem.reason)]
    text = all_of([problem.message, f"This has lasted for more than a minute: {_REMEDIES[reason]}"])
    # One event for all objects that wait for the same.
    return replace(problem, reason=reason, actionable=True, message=text, dedup_key=str(reason), included=())
