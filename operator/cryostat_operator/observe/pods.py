"""The pods of each instance: why they do not run, and whether they still use a volume."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from ..plan.diagnosis.ended_pods import REPORTED_SECONDS, ended_pod_failure
from ..plan.diagnosis.pod_failures import pod_failure
from ..plan.model.kinds import InstanceKey, Obj
from ..plan.model.problems import PodFailure
from ..plan.model.reasons import Reason
from ..plan.model.times import LASTING_SECONDS
from .triggers import Enqueue

# Every pod of an instance has these labels, those that the Go operator started included.
SELECTOR = "kind=cryostat,app,component"
ORPHAN_GRACE = 5.0  # seconds in which garbage collection finds the pods of a deleted Deployment
_ENDED_PHASES = frozenset({"Succeeded", "Failed"})
# If several pods of a component fail, the first of these reasons is reported.
_ORDER = (
    Reason.IMAGE_PULL_FAILED,
    Reason.OUT_OF_MEMORY,
    Reason.CONTAINER_CRASHED,
    Reason.POD_NOT_RUNNING,
    Reason.VOLUME_PENDING,
    Reason.POD_UNSCHEDULABLE,
    Reason.NODE_NOT_READY,
    Reason.POD_NOT_READY,
    Reason.POD_TERMINATING,
)


class _Pod(NamedTuple):
    component: str
    terminating: bool
    failure: PodFailure | None


class _FailingPod(NamedTuple):
    component: str
    failure: PodFailure


def _reported(pod: _Pod | None) -> PodFailure | None:
    """The failure whose change enqueues the instance: none for a terminating pod, whose Deployment changes, too."""
    failure = pod.failure if pod else None
    return None if failure and failure.reason == Reason.POD_TERMINATING else failure


def _lacks_former_message(failure: PodFailure | None, before: PodFailure | None) -> bool:
    """Whether a failure is the same as before, and now lacks the message of the kubelet that it had."""
    if not failure or not before or not failure.lacks_message:
        return False
    return (failure.reason, failure.container) == (before.reason, before.container)


def _rank(failure: PodFailure) -> tuple[int, str, str]:
    return _ORDER.index(failure.reason), failure.container, failure.cause


class PodStore:
    """Pods that have not ended, by instance. Enqueues an instance when its failures change or an awaited pod ends."""

    def __init__(
        self, enqueue: Enqueue, clock: Callable[[], float] = time.monotonic, now: Callable[[], float] = time.time
    ) -> None:
        """`clock` measures durations; `now` is compared with times that other machines wrote."""
        self._enqueue = enqueue
        self._clock = clock
        self._now = now
        self._pods: dict[InstanceKey, dict[str, _Pod]] = defaultdict(dict)
        self._ended: dict[tuple[InstanceKey, str], tuple[str, PodFailure]] = {}  # by component: name of the last pod
        self._orphaned_since: dict[tuple[InstanceKey, str], float] = {}
        self._stopping: set[tuple[InstanceKey, str]] = set()
        self._not_listed: set[tuple[InstanceKey, str]] = set()

    def failures(self, instance_key: InstanceKey) -> dict[str, PodFailure]:
        """Return why pods do not serve, by component (`cryostat`, `database`, `storage`, `reports`)."""
        now = self._now()
        found: dict[str, PodFailure] = {}
        for pod in self._failing(instance_key):
            if pod.failure.reported_from <= now:
                found[pod.component] = min(found.get(pod.component, pod.failure), pod.failure, key=_rank)
        for component, failure in self._last_ends(instance_key).items():
            if (failure.since or 0.0) > now - REPORTED_SECONDS:
                found.setdefault(component, failure)
        return dict(sorted(found.items()))

    def is_terminating(self, instance_key: InstanceKey, component: str, *, orphaned: bool) -> bool:
        """Return whether pods of a deleted Deployment may still use its volume.

        Pods without a deletion timestamp count for `ORPHAN_GRACE` seconds, the time that garbage collection needs to
        find them; after that they were orphaned on purpose, and the new Deployment adopts them.

        Args:
            orphaned: whether the Deployment of the component is deleted, and its volume is not.
        """
        pods = [pod for pod in self._pods.get(instance_key, {}).values() if pod.component == component]
        if not orphaned or not pods:
            self._orphaned_since.pop((instance_key, component), None)
            return False
        since = self._orphaned_since.setdefault((instance_key, component), self._clock())
        return any(pod.terminating for pod in pods) or self._clock() < since + ORPHAN_GRACE

    def is_stopping(self, instance_key: InstanceKey, component: str, *, scaled_down: bool) -> bool:
        """Return whether pods of a Deployment that is scaled to 0 have not ended. The end of the last one enqueues.

        Args:
            scaled_down: whether the Deployment of the component has 0 replicas.
        """
        stopping = scaled_down and any(pod.component == component for pod in self._pods.get(instance_key, {}).values())
        if stopping:
            self._stopping.add((instance_key, component))
        else:
            self._stopping.discard((instance_key, component))
        return stopping

    def recheck_after(self, instance_key: InstanceKey) -> float:
        """Return the seconds until a result changes without an event; infinite if none does.

        At that time, orphaned pods no longer count as terminating, a wait becomes a lasting one, or an ended pod is no
        longer reported.
        """
        orphaned = self._orphaned_since.items()
        ends = [since + ORPHAN_GRACE for (orphan, _), since in orphaned if orphan == instance_key]
        now = self._now()
        lasting = [pod.failure.lasting_from - now for pod in self._failing(instance_key)]
        reported = [(last.since or 0.0) + REPORTED_SECONDS - now for last in self._last_ends(instance_key).values()]
        delays = [*(end - self._clock() for end in ends), *lasting, *reported]
        return min((min(delay, LASTING_SECONDS) for delay in delays if delay > 0), default=math.inf)

    def forget_instance(self, instance_key: InstanceKey) -> None:
        """Stop waiting for pods of a Cryostat that no longer exists. Its pods are kept until they are deleted."""
        self._ended = {k: ended for k, ended in self._ended.items() if k[0] != instance_key}
        self._orphaned_since = {k: since for k, since in self._orphaned_since.items() if k[0] != instance_key}
        self._stopping = {k for k in self._stopping if k[0] != instance_key}

    def begin_list(self, namespace: str = "") -> None:
        """See `NamespacedStore`."""
        known = {(instance_key, name) for instance_key, pods in self._pods.items() for name in pods}
        known |= {(instance_key, name) for (instance_key, _), (name, _) in self._ended.items()}
        self._not_listed |= {key for key in known if namespace in ("", key[0].namespace)}

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        metadata = obj["metadata"]
        instance_key = InstanceKey(metadata["namespace"], metadata["labels"]["app"])
        self._not_listed.discard((instance_key, metadata["name"]))
        ended = (obj.get("status") or {}).get("phase") in _ENDED_PHASES
        pod = _Pod(metadata["labels"]["component"], "deletionTimestamp" in metadata, pod_failure(obj))
        self._set(instance_key, metadata["name"], None if ended else pod)
        if failure := ended_pod_failure(obj):
            self._add_ended(instance_key, pod.component, metadata["name"], failure)

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        metadata = obj["metadata"]
        self._remove(InstanceKey(metadata["namespace"], metadata["labels"]["app"]), metadata["name"])

    def end_list(self, namespace: str = "") -> None:
        """See `NamespacedStore`."""
        gone = {key for key in self._not_listed if namespace in ("", key[0].namespace)}
        for instance_key, name in gone:
            self._remove(instance_key, name)
        self._not_listed -= gone

    def _remove(self, instance_key: InstanceKey, name: str) -> None:
        self._set(instance_key, name, None)
        for key in [k for k, (ended, _) in self._ended.items() if k[0] == instance_key and ended == name]:
            del self._ended[key]
            self._enqueue(instance_key)

    def _last_ends(self, instance_key: InstanceKey) -> dict[str, PodFailure]:
        """Return why the last pod that was ended as a whole was ended, by component."""
        return {component: failure for (key, component), (_, failure) in self._ended.items() if key == instance_key}

    def _add_ended(self, instance_key: InstanceKey, component: str, name: str, failure: PodFailure) -> None:
        """Remember why a pod was ended if it is the last pod of its component."""
        _, last = self._ended.get((instance_key, component), ("", None))
        if last is None or (last.since or 0.0) <= (failure.since or 0.0):
            self._ended[instance_key, component] = name, failure
            if failure != last:
                self._enqueue(instance_key)

    def _failing(self, instance_key: InstanceKey) -> list[_FailingPod]:
        pods = self._pods.get(instance_key, {}).values()
        return [_FailingPod(pod.component, pod.failure) for pod in pods if pod.failure]

    def _set(self, instance_key: InstanceKey, name: str, pod: _Pod | None) -> None:
        pods = self._pods[instance_key]
        before = pods.pop(name, None)
        if before and pod and _lacks_former_message(pod.failure, before.failure):
            pod = pod._replace(failure=before.failure)
        if pod:
            pods[name] = pod
        elif not pods:
            del self._pods[instance_key]
        component = (instance_key, before.component) if before else None
        is_awaited = not pod and (component in self._orphaned_since or component in self._stopping)
        if is_awaited or _reported(before) != _reported(pod):
            self._enqueue(instance_key)
