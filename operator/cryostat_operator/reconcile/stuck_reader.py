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
from ..plan.diagnosis.stuck_causes import Answers, Explanation, Questions, explained, explanations, questions, uids
from ..plan.instance import Instance
from ..plan.model.kinds import InstanceKey, Obj, collection_path, resource_path
from ..plan.model.messages import MAX_READ
from ..plan.model.problems import PodFailure

FIRST_PAUSE = 60.0  # seconds between two rounds of reads of one instance; the pause doubles while it is stuck
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


class _Round(NamedTuple):
    """The last reads of an instance.

    Attributes:
        asked: the questions that they answered.
        found: what they explain.
        until: when they are repeated, by the clock.
        pause: seconds until then.
    """

    asked: Questions
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
        self._rounds: dict[InstanceKey, _Round] = {}

    async def explain(
        self, instance_key: InstanceKey, instance: Instance, failures: Mapping[str, PodFailure]
    ) -> Explained:
        """Return the failures of an instance with their causes. While there are none that last, nothing is read."""
        asked = questions(instance, failures, self._now())
        if not asked:
            self._rounds.pop(instance_key, None)
            return Explained(dict(failures), asked.recheck_after)
        last = self._rounds.get(instance_key)
        if last is None or self._clock() >= self._due(last, asked):
            pause = min(last.pause * 2, LONGEST_PAUSE) if last and last.asked == asked else FIRST_PAUSE
            answers = await self._read(instance_key, asked, failures)
            found = explanations(instance_key, asked, failures, answers)
            last = self._rounds[instance_key] = _Round(asked, found, self._clock() + pause, pause)
        recheck_after = min(asked.recheck_after, self._due(last, asked) - self._clock())
        return Explained(explained(asked, failures, last.found), max(recheck_after, 1.0))

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget a deleted Cryostat."""
        self._rounds.pop(instance_key, None)

    def reset(self) -> None:
        """Forget all Cryostats."""
        self._rounds.clear()

    def _due(self, last: _Round, asked: Questions) -> float:
        """When to read again: after the pause, or after `FIRST_PAUSE` if the questions have changed."""
        return last.until if last.asked == asked else last.until - last.pause + FIRST_PAUSE

    async def _read(self, instance_key: InstanceKey, asked: Questions, failures: Mapping[str, PodFailure]) -> Answers:
        namespace, name = instance_key
        pods: list[Obj] = []
        policies: list[Obj] = []
        complete = False
        if asked.uncreated or asked.disconnected:
            path = resource_path("", "v1", "pods", namespace)
            pods, complete = await self._list(path, MAX_OBJECTS, labelSelector=f"kind=cryostat,app={name}")
        if asked.disconnected and complete:
            policies, complete = await self._list(collection_path("NetworkPolicy", namespace), MAX_OBJECTS)
        path = resource_path("", "v1", "events", namespace)
        lists = [
            self._list(path, MAX_ITEMS, fieldSelector=f"involvedObject.uid={uid}")
            for uid in uids(asked, pods, failures)
        ]
        events = [event for found, _ in await asyncio.gather(*lists) for event in found]
        return Answers(pods, policies if complete else None, events)

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
