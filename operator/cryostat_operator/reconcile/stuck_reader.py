"""Reads, at most once a minute, why pods and claims are stuck: their events, and the namespace's NetworkPolicies."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from ..kube.client import Client
from ..kube.errors import ApiError
from ..plan.diagnosis.stuck_causes import (
    Explanation,
    NeededReads,
    ReadObjects,
    explained,
    explanations,
    needed_reads,
    uids,
)
from ..plan.instance import Instance
from ..plan.model.kinds import InstanceKey, Obj, collection_path, resource_path
from ..plan.model.messages import MAX_READ
from ..plan.model.problems import PodFailure

FIRST_PAUSE = 60.0  # seconds between two reads for one instance; the pause doubles while it is stuck
LONGEST_PAUSE = 600.0
MAX_ITEMS = 50  # of each list of events, which others may have created in any number
MAX_OBJECTS = 200  # of each list of pods and NetworkPolicies; if there are more, the policies are not evaluated
# Bytes of each list that are kept. Others may create objects of more than 1 MB, and the operator has 256 MiB.
MAX_BYTES = 512 * 1024

logger = logging.getLogger(__name__)


class Explained(NamedTuple):
    """The result of `StuckReader.explain`.

    Attributes:
        failures: why pods do not serve, by component, with the causes that were read.
        recheck_after: seconds until something is read again, or for the first time; infinite if nothing is.
    """

    failures: dict[str, PodFailure]
    recheck_after: float


class _LastReads(NamedTuple):
    """The last reads of an instance.

    Attributes:
        needed: what was read.
        found: the explanations, by component.
        until: when they are repeated, by the clock.
        pause: seconds until then.
    """

    needed: NeededReads
    found: dict[str, Explanation]
    until: float
    pause: float


class StuckReader:
    """Explains failures that last. A request that fails leaves the failure as it is."""

    def __init__(
        self, client: Client, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        """`clock` measures durations; `now` is compared with times that other machines wrote."""
        self._client = client
        self._clock = clock
        self._now = now
        self._last_reads: dict[InstanceKey, _LastReads] = {}

    async def explain(
        self, instance_key: InstanceKey, instance: Instance, failures: Mapping[str, PodFailure]
    ) -> Explained:
        """Return the failures of an instance with their causes. While there are none that last, nothing is read."""
        needed = needed_reads(instance, failures, self._now())
        if not needed:
            self._last_reads.pop(instance_key, None)
            return Explained(dict(failures), needed.recheck_after)
        last = self._last_reads.get(instance_key)
        if last is None or self._clock() >= self._due(last, needed):
            pause = min(last.pause * 2, LONGEST_PAUSE) if last and last.needed == needed else FIRST_PAUSE
            objects = await self._read(instance_key, needed, failures)
            found = explanations(instance_key, needed, failures, objects)
            last = self._last_reads[instance_key] = _LastReads(needed, found, self._clock() + pause, pause)
        recheck_after = min(needed.recheck_after, self._due(last, needed) - self._clock())
        return Explained(explained(needed, failures, last.found), max(recheck_after, 1.0))

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget a deleted Cryostat."""
        self._last_reads.pop(instance_key, None)

    def reset(self) -> None:
        """Forget all Cryostats."""
        self._last_reads.clear()

    def _due(self, last: _LastReads, needed: NeededReads) -> float:
        """When to read again: after the pause, or after `FIRST_PAUSE` if something else must be read."""
        return last.until if last.needed == needed else last.until - last.pause + FIRST_PAUSE

    async def _read(
        self, instance_key: InstanceKey, needed: NeededReads, failures: Mapping[str, PodFailure]
    ) -> ReadObjects:
        namespace, name = instance_key
        pods: list[Obj] = []
        policies: list[Obj] = []
        complete = False
        if needed.uncreated or needed.disconnected:
            path = resource_path("", "v1", "pods", namespace)
            pods, complete = await self._list(path, MAX_OBJECTS, labelSelector=f"kind=cryostat,app={name}")
        if needed.disconnected and complete:
            policies, complete = await self._list(collection_path("NetworkPolicy", namespace), MAX_OBJECTS)
        path = resource_path("", "v1", "events", namespace)
        lists = [
            self._list(path, MAX_ITEMS, fieldSelector=f"involvedObject.uid={uid}")
            for uid in uids(needed, pods, failures)
        ]
        events = [event for found, _ in await asyncio.gather(*lists) for event in found]
        return ReadObjects(pods, policies if complete else None, events)

    async def _list(self, path: str, limit: int, **params: str) -> tuple[list[Obj], bool]:
        """The items of a collection that are kept, and whether these are all; nothing if the request fails."""
        found: list[Obj] = []
        dropped, left = False, MAX_BYTES

        def add(item: Obj) -> None:
            nonlocal dropped, left
            kept = _without_long_parts(item)
            size = len(orjson.dumps(kept))
            if size <= left:
                found.append(kept)
                left -= size
            else:
                dropped = True

        try:
            metadata = await self._client.list_page(path, add, {"limit": str(limit), **params})
        except ApiError as error:
            logger.info("The cause of a failure cannot be read: %s", error)
            return [], False
        return found, not dropped and not metadata.get("continue")


def _without_long_parts(item: Obj) -> Obj:
    """Leave out what no cause depends on: annotations, managed fields, and the end of a long message of an event."""
    metadata = {k: v for k, v in item["metadata"].items() if k not in ("annotations", "managedFields")}
    kept = {**item, "metadata": metadata}
    if "message" in item:
        kept["message"] = (item["message"] or "")[:MAX_READ]
    return kept
