"""The pods of each instance: why they do not run, and whether they still use a volume."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from ..plan.model.kinds import InstanceKey, Obj
from .triggers import Enqueue

# Every pod of an instance has these labels, those that the Go operator started included.
SELECTOR = "kind=cryostat,app,component"
ORPHAN_GRACE = 5.0  # seconds in which garbage collection finds the pods of a deleted Deployment
EXPECTED_WAITING = frozenset({"ContainerCreating", "PodInitializing"})
_ENDED_PHASES = frozenset({"Succeeded", "Failed"})


def failure(pod: Obj) -> str | None:
    """One sentence on what keeps a pod from running, from the scheduler or the kubelet; None where nothing is known."""
    if "deletionTimestamp" in pod["metadata"]:
        return None
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"pod cannot be scheduled: {condition.get('message', '')}"
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason") not in EXPECTED_WAITING:
            return f"container {container['name']}: {waiting.get('reason')} {waiting.get('message') or ''}".strip()
    return None


class _Pod(NamedTuple):
    component: str
    terminating: bool
    failure: str | None


class PodStore:
    """Pods that have not ended, by instance. Enqueues an instance when its failures change or an awaited pod ends."""

    def __init__(self, enqueue: Enqueue, clock: Callable[[], float] = time.monotonic) -> None:
        self._enqueue = enqueue
        self._clock = clock
        self._pods: dict[InstanceKey, dict[str, _Pod]] = defaultdict(dict)
        self._orphaned_since: dict[tuple[InstanceKey, str], float] = {}
        self._not_listed: set[tuple[InstanceKey, str]] = set()

    def failures(self, instance: InstanceKey) -> dict[str, str]:
        """Why pods do not run: component (`cryostat`, `database`, `storage`, `reports`) → one sentence."""
        pods = self._pods.get(instance, {}).values()
        return dict(sorted((pod.component, pod.failure) for pod in pods if pod.failure))

    def is_terminating(self, instance: InstanceKey, component: str, *, orphaned: bool) -> bool:
        """Whether pods of a deleted Deployment may still use its volume.

        Pods without a deletion timestamp count for `ORPHAN_GRACE` seconds, the time that garbage collection needs to
        find them; after that they were orphaned on purpose, and the new Deployment adopts them.

        Args:
            orphaned: whether the Deployment of the component is deleted, and its volume is not.
        """
        pods = [pod for pod in self._pods.get(instance, {}).values() if pod.component == component]
        if not orphaned or not pods:
            self._orphaned_since.pop((instance, component), None)
            return False
        since = self._orphaned_since.setdefault((instance, component), self._clock())
        return any(pod.terminating for pod in pods) or self._clock() < since + ORPHAN_GRACE

    def recheck_after(self, instance: InstanceKey) -> float:
        """Seconds until orphaned pods no longer count as terminating; infinite where there are none."""
        ends = [since + ORPHAN_GRACE for (key, _), since in self._orphaned_since.items() if key == instance]
        return min((end - self._clock() for end in ends if end > self._clock()), default=math.inf)

    def begin_list(self) -> None:
        """See `Store`."""
        self._not_listed = {(instance, name) for instance, pods in self._pods.items() for name in pods}

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        metadata = obj["metadata"]
        instance = InstanceKey(metadata["namespace"], metadata["labels"]["app"])
        self._not_listed.discard((instance, metadata["name"]))
        ended = (obj.get("status") or {}).get("phase") in _ENDED_PHASES
        pod = _Pod(metadata["labels"]["component"], "deletionTimestamp" in metadata, failure(obj))
        self._set(instance, metadata["name"], None if ended and not pod.failure else pod)

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        metadata = obj["metadata"]
        self._set(InstanceKey(metadata["namespace"], metadata["labels"]["app"]), metadata["name"], None)

    def end_list(self) -> None:
        """See `Store`."""
        for instance, name in self._not_listed:
            self._set(instance, name, None)
        self._not_listed = set()

    def _set(self, instance: InstanceKey, name: str, pod: _Pod | None) -> None:
        pods = self._pods[instance]
        before = pods.pop(name, None)
        if pod:
            pods[name] = pod
        elif not pods:
            del self._pods[instance]
        is_awaited = before and not pod and (instance, before.component) in self._orphaned_since
        if is_awaited or (before and before.failure) != (pod and pod.failure):
            self._enqueue(instance)
