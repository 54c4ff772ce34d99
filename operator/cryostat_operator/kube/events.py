"""Tells people: the status of a Cryostat, and one Kubernetes Event per cause."""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections.abc import Iterable

from ..api import constants
from ..plan.model.kinds import Obj, resource_path
from ..plan.model.problems import Problem
from .client import MERGE_PATCH, Client
from .errors import ApiError

logger = logging.getLogger(__name__)

COMPONENT = "cryostat-operator"

_MEMORY = 5_000  # things that are told once; what is forgotten counts up its event the next time


def now() -> str:
    """The current time in the form that Kubernetes uses."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class EventRecorder:
    """Writes statuses and events, each only when it says something new."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._told: dict[str, frozenset[str]] = {}  # by UID of the Cryostat
        self._once: dict[str, None] = {}  # digests, the oldest first

    async def status(self, cryostat: Obj, status: Obj) -> Obj | None:
        """Write the status where it differs from the one that the Cryostat has; the Cryostat as it is then."""
        before = cryostat.get("status") or {}
        if before == status:
            return None
        patch = {**{k: None for k in before if k not in status}, **status}
        metadata = cryostat["metadata"]
        path = resource_path(
            constants.GROUP, constants.VERSION, constants.PLURAL, metadata["namespace"], metadata["name"]
        )
        return await self._client.patch_status(path, patch)

    async def events(self, cryostat: Obj, problems: Iterable[Problem]) -> None:
        """An event for each problem or notice that was not there before.

        What there was is remembered; after a restart the conditions of the Cryostat still tell.
        """
        told = self._told.get(cryostat["metadata"]["uid"], frozenset())
        known = [str(c.get("message")) for c in (cryostat.get("status") or {}).get("conditions") or ()]
        found: dict[str, bool] = {}
        for problem in problems:
            digest = _digest(cryostat, problem)
            if digest not in found:
                old = digest in told or any(problem.message.removesuffix(".") in text for text in known)
                found[digest] = old or await self._event(cryostat, digest, problem)
        self._told[cryostat["metadata"]["uid"]] = frozenset(digest for digest, done in found.items() if done)

    async def event(self, cryostat: Obj, told: Problem) -> None:
        """Tell that something was done, to a Cryostat or something else."""
        await self._event(cryostat, _digest(cryostat, told), told)

    async def once(self, cryostat: Obj, told: Problem) -> None:
        """The same, but only once as long as this process lives, as far as it remembers."""
        digest = _digest(cryostat, told)
        if digest in self._once:
            return
        self._once[digest] = None  # before the answer: a hundred pods may ask at the same time
        if not await self._event(cryostat, digest, told):
            self._once.pop(digest, None)
        elif len(self._once) > _MEMORY:
            del self._once[next(iter(self._once))]

    def forget(self, uid: str) -> None:
        """That Cryostat is gone."""
        self._told.pop(uid, None)

    async def _event(self, cryostat: Obj, digest: str, problem: Problem) -> bool:
        """Write one event, or count up the one that exists; whether that is done with."""
        collection = f"/api/v1/namespaces/{cryostat['metadata']['namespace']}/events"
        try:
            await self._client.request("POST", collection, body=_event(cryostat, digest, problem))
        except ApiError as error:
            if error.status == 409:
                return await self._repeat(f"{collection}/{cryostat['metadata']['name']}.{digest}")
            logger.info("Event %s: %s", problem.reason, error)
            return error.status in (403, 404)  # a namespace that is going away takes no events
        return True

    async def _repeat(self, path: str) -> bool:
        try:
            earlier = await self._client.request("GET", path)
            patch = {"count": int(earlier.get("count") or 1) + 1, "lastTimestamp": now()}
            await self._client.request("PATCH", path, body=patch, content_type=MERGE_PATCH)
        except ApiError as error:
            logger.info("Event %s: %s", path, error)
        return True


def _digest(cryostat: Obj, problem: Problem) -> str:
    """Names a cause, so that even a restarted operator recognises it; the API server's words about one may vary."""
    cause = problem.dedup_key or problem.message
    return hashlib.sha256(f"{cryostat['metadata']['uid']}/{problem.reason}/{cause}".encode()).hexdigest()[:16]


def _event(cryostat: Obj, digest: str, problem: Problem) -> Obj:
    metadata, stamp = cryostat["metadata"], now()
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{metadata['name']}.{digest}", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": cryostat.get("apiVersion") or constants.API_VERSION,
            "kind": cryostat.get("kind") or constants.KIND,
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
        "type": "Warning" if problem.actionable else "Normal",
        "reason": problem.reason,
        "message": problem.message[:1024],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
