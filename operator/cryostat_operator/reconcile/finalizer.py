"""Adds the operator's finalizer to a Cryostat; on deletion, deletes objects without an owner reference first."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from http import HTTPStatus

from ..api import constants
from ..kube.client import JSON_PATCH, Client
from ..kube.errors import ApiError, ApiUnavailable
from ..metrics import Metrics
from ..observe.cryostats import CryostatStore
from ..plan.diagnosis.refusal_remedies import remedy_for
from ..plan.diff.teardown import teardown
from ..plan.model.kinds import InstanceKey, Key, Obj, cryostat_path
from ..plan.model.messages import all_of, counted, first_parts, message, quoted
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from ..plan.model.refused_object import RefusedObject
from ..plan.model.times import LASTING_SECONDS, seconds
from .adoption import Adoption, adoption_marker, is_orphaned
from .applier import Applier
from .outcomes import Outcome
from .status_writer import StatusWriter
from .work_queue import Result

logger = logging.getLogger(__name__)

_FINALIZERS = "/metadata/finalizers"
_CHECK_SERVER = "If this lasts, check the API server of the cluster"
# The finalizers of deletions with the propagation policies Orphan and Foreground.
_ORPHAN, _FOREGROUND = "orphan", "foregroundDeletion"

LiveObjectsReader = Callable[[InstanceKey], Awaitable[Mapping[Key, Obj]]]
"""Returns all objects of an instance, whole: see `Observer.live_objects`."""


class Finalizer:
    """The finalizer of Cryostats: `constants.FINALIZER`."""

    def __init__(
        self,
        client: Client,
        cryostats: CryostatStore,
        live_objects: LiveObjectsReader,
        applier: Applier,
        adoption: Adoption,
        status: StatusWriter,
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._cryostats = cryostats
        self._live_objects = live_objects
        self._applier = applier
        self._adoption = adoption
        self._status = status
        self._metrics = metrics

    def is_set(self, body: Obj) -> bool:
        """Return whether a Cryostat has the finalizer."""
        return constants.FINALIZER in (body["metadata"].get("finalizers") or ())

    async def add(self, body: Obj) -> None:
        """Add the finalizer to a Cryostat.

        Raises:
            ApiError: among others 422 if the Cryostat changed since it was observed.
        """
        add = (
            {"op": "add", "path": f"{_FINALIZERS}/-", "value": constants.FINALIZER}
            if body["metadata"].get("finalizers")
            else {"op": "add", "path": _FINALIZERS, "value": [constants.FINALIZER]}
        )
        test = {"op": "test", "path": "/metadata/resourceVersion", "value": body["metadata"]["resourceVersion"]}
        response = await self._patch(body, [test, add])
        self._cryostats.record_write(response)

    async def finalize(self, instance_key: InstanceKey, body: Obj) -> Result:
        """Delete the objects that have no owner reference, then remove the finalizer.

        Args:
            body: the Cryostat, which has a deletion timestamp.

        Raises:
            ApiError: the Cryostat does not exist any more, or the API server does not answer.
        """
        try:
            if self.is_set(body):
                return await self._finalize(instance_key, body)
            return await self._wait_for_others(instance_key, body)
        except ApiError as error:
            if error.status == 0 or error.is_not_found(constants.PLURAL):
                raise
            logger.warning("Deletion failed, retrying: %s", error.message)
            problem = blocked_by(error, instance_key.namespace)
            await self._report(
                body, [_transient_at_first(body, problem) if isinstance(error, ApiUnavailable) else problem]
            )
            return Result(failed=True)

    async def _finalize(self, instance_key: InstanceKey, body: Obj) -> Result:
        await self._adopt(instance_key, body)
        live = await self._live_objects(instance_key)
        # The garbage collector removes the finalizer `orphan` after the owner references.
        orphaned = _ORPHAN in body["metadata"]["finalizers"] or is_orphaned(live.get(adoption_marker(instance_key)))
        changes = teardown(instance_key, live, body["metadata"].get("annotations"), orphaned=orphaned)
        outcomes = await self._applier.write_all(instance_key, changes)
        refused = [each for each in outcomes if each.state == "refused" and not _is_not_served(each)]
        if refused:
            await self._report_blocked(body, refused)
            return Result(failed=True)
        return Result(failed=not await self._remove(body))

    async def _adopt(self, instance_key: InstanceKey, body: Obj) -> None:
        """Adopt objects of the Go operator, so that they are deleted too. A refusal does not block the deletion."""
        try:
            await self._adoption.adopt(instance_key, body["metadata"]["uid"])
        except ApiUnavailable:
            raise
        except ApiError as error:
            logger.warning("Objects of the Go operator could not be adopted and may remain: %s", error.message)

    async def _wait_for_others(self, instance_key: InstanceKey, body: Obj) -> Result:
        """Report the finalizers of other controllers, for which the deletion waits; after a minute as a problem."""
        finalizers = body["metadata"].get("finalizers") or []
        cause = f"other controllers have not removed the {counted('finalizer', finalizers)}"
        remedy = "Check these controllers"
        if finalizers == [_FOREGROUND] and (held := _held_objects(await self._live_objects(instance_key))):
            cause = f"the garbage collector waits for objects that other controllers keep by finalizers: {held}"
        remaining = _seconds_until_blocked(body)
        text = message(
            "The Cryostat",
            "is being deleted",
            cause=f"the operator has finished, and {cause}",
            remedy=remedy if remaining <= 0 else "",
        )
        reason = Reason.DELETION_BLOCKED if remaining <= 0 else Reason.DELETING
        await self._report(body, [Problem("core", reason, text, dedup_key=", ".join(finalizers))])
        return Result(remaining if remaining > 0 else None)

    async def _report_blocked(self, body: Obj, refused: list[Outcome]) -> None:
        problems = []
        for outcome in refused:
            if outcome.problem is None:
                continue
            self._metrics.reconcile_errors.labels(outcome.problem.reason).inc()
            text, dedup_key = outcome.problem.message, outcome.problem.dedup_key
            text = text if outcome.is_permanent_refusal else all_of([text, "The operator tries again by itself"])
            problem = Problem("core", Reason.DELETION_BLOCKED, text, dedup_key=dedup_key)
            problems.append(problem if outcome.is_permanent_refusal else _transient_at_first(body, problem))
        problems.sort(key=lambda problem: not problem.actionable)
        await self._report(body, problems)

    async def _report(self, body: Obj, problems: list[Problem]) -> None:
        """Record an event for each problem that a user has to solve, and write why the Cryostat still exists."""
        if not problems:
            return
        actionable = [problem for problem in problems if problem.actionable]
        if actionable:
            await self._status.record(body, actionable)
        first = problems[0]
        await self._status.write_deleting(body, first.reason, all_of([problem.message for problem in problems]))

    async def _remove(self, body: Obj) -> bool:
        """Remove the finalizer. Returns False if it has to be tried again.

        Raises:
            ApiError: the API server refuses it.
        """
        index = body["metadata"]["finalizers"].index(constants.FINALIZER)
        path = f"{_FINALIZERS}/{index}"
        tests = [
            {"op": "test", "path": "/metadata/uid", "value": body["metadata"]["uid"]},  # not one that was created again
            {"op": "test", "path": path, "value": constants.FINALIZER},
        ]
        try:
            await self._patch(body, [*tests, {"op": "remove", "path": path}])
        except ApiError as error:
            if error.status != 422:
                raise
            if _identity(await self._client.get_or_none(_path(body))) != _identity(body):
                return False  # the DELETED event, or that of the change, follows
            # The Cryostat is older than a rule of the schema.
            if body.get("status"):
                raise
            # Rules about names do not apply to objects that have a status.
            await self._status.patch(body, {"observedGeneration": body["metadata"].get("generation", 0)})
            return False
        return True

    async def _patch(self, body: Obj, patch: list[Obj]) -> Obj:
        return await self._client.request("PATCH", _path(body), body=patch, content_type=JSON_PATCH)


def _path(body: Obj) -> str:
    metadata = body["metadata"]
    return cryostat_path(metadata["namespace"], metadata["name"])


def _identity(body: Obj | None) -> tuple[str, list[str]] | None:
    """Return UID and finalizers of a Cryostat, which a removal of its finalizer tests; None if it does not exist."""
    return (body["metadata"]["uid"], body["metadata"].get("finalizers") or []) if body else None


def _seconds_until_blocked(body: Obj) -> float:
    """Seconds until the deletion of a Cryostat has lasted for a minute: what delays it is then a problem."""
    return (seconds(body["metadata"]["deletionTimestamp"]) or 0.0) + LASTING_SECONDS - time.time()


def _transient_at_first(body: Obj, problem: Problem) -> Problem:
    """A problem that may end by itself: without an event while the deletion has not lasted for a minute."""
    lasts = _seconds_until_blocked(body) <= 0
    return problem if lasts else replace(problem, reason=Reason.DELETING, actionable=False)


def _is_not_served(outcome: Outcome) -> bool:
    """Whether the kind is no longer served: its objects are gone."""
    return outcome.problem is not None and outcome.problem.reason == Reason.API_NOT_SERVED


def _held_objects(live: Mapping[Key, Obj]) -> str:
    """Return the first object that is being deleted and has finalizers, with these, and how many others there are."""
    deleted = sorted((key, obj["metadata"]) for key, obj in live.items() if "deletionTimestamp" in obj["metadata"])
    held = [f"{key} ({', '.join(metadata['finalizers'])})" for key, metadata in deleted if metadata.get("finalizers")]
    return first_parts(held)


def blocked_by(error: ApiError, namespace: str) -> Problem:
    """Return the problem of a deletion that fails because of a refused request.

    Args:
        error: the refusal.
        namespace: that of the Cryostat.
    """
    quote = quoted(error.message)
    general = "Correct the cause of the refusal" if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else _CHECK_SERVER
    remedy = remedy_for(quote, RefusedObject(namespace, is_deletion=True)) or general
    text = message(
        f"The finalizer {constants.FINALIZER}",
        "cannot be removed",
        cause=quote,
        consequence=remedy,  # in this place, so that the sentence about the retry follows it
        remedy="The operator tries again by itself",
    )
    return Problem("core", Reason.DELETION_BLOCKED, text, dedup_key="finalizer")
