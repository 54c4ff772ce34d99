"""The pods of instances: which there are, and why they are not running, in the kubelet's and the scheduler's words."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from ..plan.model.kinds import InstanceKey, Obj
from .records import Enqueue

# Every pod of an instance carries this, those that the Go operator started included.
SELECTOR = "kind=cryostat,app,component"
_ENDED = frozenset({"Succeeded", "Failed"})
_ADOPTION = 5.0  # seconds after which pods that have lost their Deployment, and still do not go, are there to stay
_ORDINARY = frozenset({"ContainerCreating", "PodInitializing"})


def trouble(pod: Obj) -> str | None:
    """One sentence on what keeps a pod from running, or None where nothing does (or nothing is known yet)."""
    if "deletionTimestamp" in pod["metadata"]:
        return None
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"pod cannot be scheduled: {condition.get('message', '')}"
    for container in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        blocked = (container.get("state") or {}).get("waiting")
        if blocked and blocked.get("reason") not in _ORDINARY:
            return f"container {container['name']}: {blocked.get('reason')} {blocked.get('message') or ''}".strip()
    return None


class _Pod(NamedTuple):
    component: str
    going: bool
    trouble: str | None


class PodStore:
    """Pods that have not ended, by instance."""

    def __init__(self, enqueue: Enqueue, clock: Callable[[], float] = time.monotonic) -> None:
        self._enqueue = enqueue
        self._clock = clock
        self._pods: dict[InstanceKey, dict[str, _Pod]] = defaultdict(dict)
        self._alone: dict[tuple[InstanceKey, str], float] = {}
        self._unseen: set[tuple[InstanceKey, str]] = set()

    def troubles(self, owner: InstanceKey) -> dict[str, str]:
        """Component (`cryostat`, `database`, `storage`, `reports`) → sentence."""
        found = self._pods.get(owner, {}).values()
        return dict(sorted((pod.component, pod.trouble) for pod in found if pod.trouble))

    def linger(self, owner: InstanceKey, component: str, *, alone: bool) -> bool:
        """Whether pods of a component whose Deployment is gone (`alone`) are still to go.

        Garbage collection takes a moment to find them; those that it was told to spare, another Deployment adopts.
        """
        found = [pod for pod in self._pods.get(owner, {}).values() if pod.component == component]
        if not alone or not found:
            self._alone.pop((owner, component), None)
            return False
        since = self._alone.setdefault((owner, component), self._clock())
        return any(pod.going for pod in found) or self._clock() < since + _ADOPTION

    def patience(self, owner: InstanceKey) -> float:
        """Seconds until pods that do not go no longer count as lingering; infinite where there are none."""
        ends = [since + _ADOPTION for (whose, _), since in self._alone.items() if whose == owner]
        return min((end - self._clock() for end in ends if end > self._clock()), default=math.inf)

    def relist(self) -> None:
        self._unseen = {(owner, pod) for owner, pods in self._pods.items() for pod in pods}

    def upsert(self, obj: Obj) -> None:
        metadata = obj["metadata"]
        owner = InstanceKey(metadata["namespace"], metadata["labels"]["app"])
        self._unseen.discard((owner, metadata["name"]))
        ended = (obj.get("status") or {}).get("phase") in _ENDED
        pod = _Pod(metadata["labels"]["component"], "deletionTimestamp" in metadata, trouble(obj))
        self._set(owner, metadata["name"], None if ended and not pod.trouble else pod)

    def remove(self, obj: Obj) -> None:
        metadata = obj["metadata"]
        self._set(InstanceKey(metadata["namespace"], metadata["labels"]["app"]), metadata["name"], None)

    def relisted(self) -> None:
        for owner, pod in self._unseen:
            self._set(owner, pod, None)
        self._unseen = set()

    def _set(self, owner: InstanceKey, name: str, pod: _Pod | None) -> None:
        pods = self._pods[owner]
        before = pods.pop(name, None)
        if pod:
            pods[name] = pod
        elif not pods:
            del self._pods[owner]
        awaited = before and not pod and (owner, before.component) in self._alone
        if awaited or (before and before.trouble) != (pod and pod.trouble):
            self._enqueue(owner)
