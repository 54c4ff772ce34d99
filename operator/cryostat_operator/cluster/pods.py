"""Why the pods of an instance are not running, in the kubelet's and the scheduler's words."""

from __future__ import annotations

from collections import defaultdict

from ..desired.plan import Obj
from .cache import Owner, Ring

# Every pod of an instance carries this, those that the Go operator started included.
SELECTOR = "kind=cryostat,app,component"
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
        waiting = (container.get("state") or {}).get("waiting")
        if waiting and waiting.get("reason") not in _ORDINARY:
            return f"container {container['name']}: {waiting.get('reason')} {waiting.get('message') or ''}".strip()
    return None


class Pods:
    """Troubles of pods by instance and component."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._troubles: dict[Owner, dict[str, tuple[str, str]]] = defaultdict(dict)
        self._unseen: set[tuple[Owner, str]] = set()

    def troubles(self, owner: Owner) -> dict[str, str]:
        """Component (`cryostat`, `database`, `storage`, `reports`) → sentence."""
        return dict(sorted(self._troubles.get(owner, {}).values()))

    def relist(self) -> None:
        self._unseen = {(owner, pod) for owner, pods in self._troubles.items() for pod in pods}

    def upsert(self, obj: Obj) -> None:
        metadata = obj["metadata"]
        owner = Owner(metadata["namespace"], metadata["labels"]["app"])
        self._unseen.discard((owner, metadata["name"]))
        text = trouble(obj)
        self._set(owner, metadata["name"], (metadata["labels"]["component"], text) if text else None)

    def remove(self, obj: Obj) -> None:
        metadata = obj["metadata"]
        self._set(Owner(metadata["namespace"], metadata["labels"]["app"]), metadata["name"], None)

    def relisted(self) -> None:
        for owner, pod in self._unseen:
            self._set(owner, pod, None)
        self._unseen = set()

    def _set(self, owner: Owner, pod: str, told: tuple[str, str] | None) -> None:
        pods = self._troubles[owner]
        before = pods.pop(pod, None)
        if told:
            pods[pod] = told
        elif not pods:
            del self._troubles[owner]
        if before != told:
            self._ring(owner)
