"""The event recorder: creates one Kubernetes Event per cause."""

from __future__ import annotations

import datetime
import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterable

from ..api import constants
from ..plan.model.kinds import InstanceKey, Obj
from ..plan.model.problems import Problem
from ..plan.model.reason_groups import COMPONENT_REASONS, SINGLE_CAUSE_REASONS
from ..printable import one_line, printable
from .client import MERGE_PATCH, Client
from .errors import ApiError

logger = logging.getLogger(__name__)

COMPONENT = "cryostat-operator"

FLAPPING_SECONDS = 3_600.0  # a failure of pods that ends and comes back within this time is the same one
MAX_MESSAGE = 1024  # characters of the message of an event
MAX_REMEMBERED = 5_000  # digests of events that are recorded once; a forgotten one increments its count next time


def now() -> str:
    """Return the current time in the form that Kubernetes uses."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class EventRecorder:
    """Creates an event for each new cause."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._last_seen: dict[str, float] = {}  # of digests of failures of pods, the earliest first
        self._recorded: dict[InstanceKey, tuple[str, frozenset[str]]] = {}  # UID of the Cryostat, and digests
        self._recorded_once: dict[str, None] = {}  # digests, the oldest first

    async def record_all(self, cryostat: Obj, problems: Iterable[Problem]) -> None:
        """Record an event for each new cause: one that was not recorded, or that `retain` has forgotten since.

        A cause is identified by `event_digest`. In the first call after the operator started, the conditions in the
        status of the Cryostat and the events in the cluster decide what is new, see `_is_recorded`.
        """
        metadata = cryostat["metadata"]
        instance_key, uid = InstanceKey(metadata["namespace"], metadata["name"]), metadata["uid"]
        recorded_uid, digests = self._recorded.get(instance_key, ("", frozenset[str]()))
        earlier = digests if recorded_uid == uid else None
        recorded: dict[str, bool] = {}
        included: set[str] = set()
        for problem in problems:
            digest = event_digest(cryostat, problem)
            if digest in recorded:
                continue
            recorded_before = (
                digest in earlier if earlier is not None else await self._is_recorded(cryostat, digest, problem)
            )
            recorded_before = recorded_before or self._was_recorded_lately(digest)
            recorded[digest] = recorded_before or await self._create_or_count(cryostat, digest, problem)
            if recorded[digest] and problem.reason in COMPONENT_REASONS:
                self._remember(digest)
            included |= {event_digest(cryostat, each) for each in problem.included}
        done = frozenset(digest for digest, done in recorded.items() if done)
        self._recorded[instance_key] = uid, (earlier or frozenset()) | done | included

    def retain(self, cryostat: Obj, problems: Iterable[Problem]) -> None:
        """Forget the events of all causes but these: a cause that comes back increments the count of its event."""
        metadata = cryostat["metadata"]
        instance_key = InstanceKey(metadata["namespace"], metadata["name"])
        uid, digests = self._recorded.get(instance_key, ("", frozenset[str]()))
        named = [each for problem in problems for each in (problem, *problem.included)]
        self._recorded[instance_key] = uid, digests & {event_digest(cryostat, each) for each in named}

    async def record(self, cryostat: Obj, problem: Problem) -> None:
        """Record an event about a change, on a Cryostat or another object."""
        await self._create_or_count(cryostat, event_digest(cryostat, problem), problem)

    async def record_once(self, cryostat: Obj, problem: Problem) -> None:
        """Record an event once during the life of this process; the latest `MAX_REMEMBERED` are remembered."""
        digest = event_digest(cryostat, problem)
        if digest in self._recorded_once:
            return
        self._recorded_once[digest] = None  # before the response: a hundred pods may be admitted at the same time
        if not await self._create_or_count(cryostat, digest, problem):
            self._recorded_once.pop(digest, None)
        elif len(self._recorded_once) > MAX_REMEMBERED:
            del self._recorded_once[next(iter(self._recorded_once))]

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget the events of a deleted Cryostat."""
        self._recorded.pop(instance_key, None)

    def _was_recorded_lately(self, digest: str) -> bool:
        """Whether this failure of pods was seen in the last hour: some containers crash every few minutes."""
        return self._clock() - self._last_seen.get(digest, -math.inf) <= FLAPPING_SECONDS

    def _remember(self, digest: str) -> None:
        self._last_seen.pop(digest, None)
        now = self._last_seen[digest] = self._clock()
        while now - next(iter(self._last_seen.values())) > FLAPPING_SECONDS:
            del self._last_seen[next(iter(self._last_seen))]

    async def _is_recorded(self, cryostat: Obj, digest: str, problem: Problem) -> bool:
        """Whether an earlier process recorded the event of a cause that has lasted since.

        If no condition shows a cause of this kind, the cause is new or has come back. If a condition has the reason and
        the reason has only one cause, that cause was recorded. Otherwise the event is read.
        """
        reason = problem.reason
        conditions = (cryostat.get("status") or {}).get("conditions") or ()
        stored = any(condition.get("reason") == reason for condition in conditions)
        failing = any(c.get("type") == reason.condition and c.get("status") != "True" for c in conditions)
        if stored and reason in SINGLE_CAUSE_REASONS:
            return True
        if reason.condition and not stored and not failing:
            return False
        try:
            return await self._client.get_or_none(_event_path(cryostat, digest)) is not None
        except ApiError as error:
            logger.info("Event %s cannot be read: %s", problem.reason, error)
            return False

    async def _create_or_count(self, cryostat: Obj, digest: str, problem: Problem) -> bool:
        """Create an event, or increase the count of an existing one. Returns False if it has to be tried again."""
        collection = f"/api/v1/namespaces/{cryostat['metadata']['namespace']}/events"
        try:
            await self._client.request("POST", collection, body=_event(cryostat, digest, problem))
        except ApiError as error:
            if error.status == 409:
                return await self._increment_count(_event_path(cryostat, digest))
            logger.info("Event %s cannot be recorded: %s", problem.reason, error)
            return error.status in (403, 404)  # a namespace that is being deleted accepts no events
        return True

    async def _increment_count(self, path: str) -> bool:
        try:
            earlier = await self._client.request("GET", path)
            patch = {"count": int(earlier.get("count") or 1) + 1, "lastTimestamp": now()}
            await self._client.request("PATCH", path, body=patch, content_type=MERGE_PATCH)
        except ApiError as error:
            logger.info("The count of event %s cannot be increased: %s", path, error)
        return True


def event_digest(cryostat: Obj, problem: Problem) -> str:
    """Return the identity of a cause, which is part of the event's name: UID of the object, reason, and dedup key.

    The message replaces an empty dedup key.
    """
    cause = problem.dedup_key or problem.message
    return hashlib.sha256(f"{cryostat['metadata']['uid']}/{problem.reason}/{cause}".encode()).hexdigest()[:16]


def _event_path(cryostat: Obj, digest: str) -> str:
    metadata = cryostat["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/events/{metadata['name']}.{digest}"


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
        "reason": str(problem.reason),
        "message": one_line(printable(problem.message))[:MAX_MESSAGE],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "firstTimestamp": stamp,
        "lastTimestamp": stamp,
        "count": 1,
    }
