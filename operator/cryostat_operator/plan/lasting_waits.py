"""Waits that have lasted for more than a minute: they are reported as problems."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from .model.messages import all_of
from .model.problems import Problem
from .model.reasons import Reason

LASTING: Mapping[Reason, Reason] = {
    Reason.WAITING_FOR_CERTIFICATE: Reason.CERTIFICATE_NOT_ISSUED,
    Reason.CERTIFICATE_PENDING: Reason.CERTIFICATE_NOT_ISSUED,
    Reason.OBJECT_BEING_DELETED: Reason.OBJECT_NOT_DELETED,
    Reason.ROUTE_NOT_ADMITTED: Reason.ROUTE_NOT_HANDLED,
    Reason.SECRET_PENDING: Reason.SECRET_NOT_GENERATED,
    Reason.REFERENCE_PENDING: Reason.REFERENCE_NOT_READ,
    Reason.ROLLING_IN_ORDER: Reason.ROLLOUT_NOT_FINISHED,
    Reason.API_SERVER_UNAVAILABLE: Reason.API_SERVER_UNAVAILABLE,
    Reason.BEING_DELETED: Reason.OBJECT_NOT_DELETED,
    Reason.CONFLICT: Reason.CONFLICT_NOT_RESOLVED,
}
"""Reason of a wait → its reason once it has lasted for a minute."""

CONSEQUENCES = frozenset({Reason.SECRET_PENDING, Reason.REFERENCE_PENDING, Reason.ROLLING_IN_ORDER})
"""Waits that another problem of the same Cryostat explains: they do not count as lasting while there is one."""

_REMEDIES = {
    Reason.CERTIFICATE_NOT_ISSUED: "see the log of the operator, which issues the certificates",
    Reason.OBJECT_NOT_DELETED: "check the controller of each finalizer",
    Reason.ROUTE_NOT_HANDLED: "check that an ingress controller selects the namespace and the Route",
    Reason.SECRET_NOT_GENERATED: "see the log of the operator",
    Reason.REFERENCE_NOT_READ: "see the log of the operator",
    Reason.API_SERVER_UNAVAILABLE: "check the API server; the operator tries again by itself",
    Reason.CONFLICT_NOT_RESOLVED: "find the client that repeatedly changes the object, in its metadata.managedFields",
    Reason.ROLLOUT_NOT_FINISHED: "check the pods of the Deployments that are to restart first",
}


def with_lasting(problems: Iterable[Problem], lasting: Collection[Reason]) -> list[Problem]:
    """Return the problems; those that are lasting waits become problems that a user has to solve.

    The first one of each reason has the remedy. All of the same reason have one event.

    Args:
        lasting: reasons of waits that have lasted for a minute.
    """
    found: list[Problem] = []
    remedied: set[Reason] = set()
    for problem in problems:
        wait = problem.reason
        if wait not in lasting or problem.dedup_key == LASTING[wait]:  # converted before
            found.append(problem)
            continue
        reason, message = LASTING[wait], problem.message
        if reason not in remedied:
            remedy = problem.lasting_remedy or _REMEDIES[reason]
            message = all_of([message, f"This has lasted for more than a minute: {remedy}"])
            remedied.add(reason)
        found.append(
            replace(problem, reason=reason, actionable=True, message=message, dedup_key=str(reason), included=())
        )
    return found
