"""Adds the operator's finalizer to a Cryostat, and deletes what garbage collection cannot reach before it goes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

from ..api import constants
from ..kube.client import JSON_PATCH, Client
from ..kube.errors import ApiError, ApiUnavailable
from ..metrics import Metrics
from ..observe.cryostats import CryostatStore
from ..plan.diff.teardown import teardown
from ..plan.model.kinds import InstanceKey, Key, Obj, resource_path
from ..plan.model.problems import Problem
from .adoption import Adoption
from .applier import Applier
from .results import Outcome
from .status_writer import StatusWriter
from .work_queue import Result

logger = logging.getLogger(__name__)

_PATH = "/metadata/finalizers"

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
        """Whether a Cryostat has the finalizer."""
        return constants.FINALIZER in (body["metadata"].get("finalizers") or ())

    async def add(self, body: Obj) -> None:
        """Add the finalizer to a Cryostat.

        Raises:
            ApiError: among others 422 if the Cryostat changed since it was observed.
        """
        add = (
            {"op": "add", "path": f"{_PATH}/-", "value": constants.FINALIZER}
            if body["metadata"].get("finalizers")
            else {"op": "add", "path": _PATH, "value": [constants.FINALIZER]}
        )
        test = {"op": "test", "path": "/metadata/resourceVersion", "value": body["metadata"]["resourceVersion"]}
        response = await self._patch(body, [test, add])
        self._cryostats.record_write(response)

    async def finalize(self, key: InstanceKey, body: Obj) -> Result:
        """Delete the objects that have no owner reference, then remove the finalizer.

        Args:
            body: the Cryostat, which has a deletion timestamp.

        Raises:
            ApiError: the finalizer could not be removed, or the API server does not answer.
        """
        if not self.is_set(body):
            return Result()
        await self._adopt(key, body)
        live = await self._live_objects(key)
        changes = teardown(key, live, body["metadata"].get("annotations"))
        outcomes = await self._applier.write_all(key, changes)
        refused = [each for each in outcomes if each.state == "refused" and not _is_not_served(each)]
        if refused:
            await self._report_blocked(body, refused)
            return Result(failed=True)
        uid = body["metadata"]["uid"]
        self._status.forget(uid)
        self._adoption.forget(uid)
        await self._remove(body)
        return Result()

    async def _adopt(self, key: InstanceKey, body: Obj) -> None:
        """Adopt objects of the Go operator, so that they are deleted too. A failure does not block the deletion."""
        try:
            await self._adoption.adopt(key, body["metadata"]["uid"])
        except ApiUnavailable:
            raise
        except ApiError as error:
            logger.warning("Objects of the Go operator could not be adopted and may remain: %s", error.message)

    async def _report_blocked(self, body: Obj, refused: list[Outcome]) -> None:
        problems = []
        for outcome in refused:
            if outcome.problem is None:
                continue
            self._metrics.errors.labels(outcome.problem.reason).inc()
            if outcome.is_lasting_refusal:
                problem = Problem(
                    "core", "DeletionBlocked", outcome.problem.message, dedup_key=outcome.problem.dedup_key
                )
                problems.append(problem)
        await self._status.record(body, problems)

    async def _remove(self, body: Obj) -> None:
        index = body["metadata"]["finalizers"].index(constants.FINALIZER)
        path = f"{_PATH}/{index}"
        test = {"op": "test", "path": path, "value": constants.FINALIZER}
        try:
            await self._patch(body, [test, {"op": "remove", "path": path}])
        except ApiError as error:
            if error.status == 422:
                await self._handle_invalid(body, error)
            raise

    async def _handle_invalid(self, body: Obj, error: ApiError) -> None:
        """The Cryostat is older than a rule of the schema, or its finalizers have changed.

        Rules about names do not apply to objects that have a status. Without one, a Cryostat with such a name could
        not be changed, and its finalizer never removed; the next run succeeds.
        """
        if not body.get("status"):
            await self._status.patch(body, {"observedGeneration": body["metadata"].get("generation", 0)})
        elif "finalizers" not in error.message:
            await self._status.record(body, [Problem("core", "DeletionBlocked", error.message)])

    async def _patch(self, body: Obj, patch: list[Obj]) -> Obj:
        metadata = body["metadata"]
        path = resource_path(
            constants.GROUP, constants.VERSION, constants.PLURAL, metadata["namespace"], metadata["name"]
        )
        return await self._client.request("PATCH", path, body=patch, content_type=JSON_PATCH)


def _is_not_served(outcome: Outcome) -> bool:
    """Whether the kind is no longer served: its objects are gone."""
    return outcome.problem is not None and outcome.problem.reason == "ApiNotServed"
