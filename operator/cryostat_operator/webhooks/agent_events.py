"""Events about pods that do not get the agent, or whose agent ignores settings.

Users do not see warnings about pods that controllers create.
"""

from __future__ import annotations

import asyncio
import hashlib

from ..api.required_permissions import target_namespaces
from ..kube.events import MAX_MESSAGE
from ..plan.model.kinds import Obj
from ..plan.model.reasons import Reason
from .cluster_reader import ClusterReader
from .reviews import AdmissionRequest

# Events per Cryostat and target namespace: authors of pods must not fill the cluster with events, nor use up the events
# of other namespaces. All namespaces that are no target namespaces share one budget.
MAX_EVENTS = 50
MAX_BUDGETS = 5_000  # the oldest ones are forgotten


class AgentEvents:
    """Records events on the Cryostats that pods request, each message once and within a budget."""

    def __init__(self, reader: ClusterReader) -> None:
        self._reader = reader
        # Digests of the messages of events by UID of the Cryostat and target namespace, the oldest first.
        self._recorded: dict[tuple[str, str], set[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def record_not_added(self, request: AdmissionRequest, cryostat: Obj, cause: str) -> None:
        """Record why a pod does not get the agent, see `record`."""
        self.record(request, cryostat, Reason.AGENT_NOT_ADDED, f"the agent was not added, because {cause}")

    def record(self, request: AdmissionRequest, cryostat: Obj, reason: Reason, what: str) -> None:
        """Record an event in the background. Reviews of workloads and of dry runs cause none.

        Args:
            request: the review of the pod.
            cryostat: the Cryostat that the pod requests.
            reason: the reason of the event.
            what: what its message says about the pod.
        """
        if request.dry_run or request.obj.get("kind") != "Pod":
            return
        text = f"{creator_of(request)} in namespace {request.namespace}: {what}"
        # Authors of pods decide on names of owners and on paths, so that a text can have the size of a whole pod.
        message = text[:MAX_MESSAGE]
        digest = hashlib.sha256(message.encode(errors="replace")).digest()
        namespace = request.namespace if request.namespace in target_namespaces(cryostat) else ""
        recorded = self._recorded.setdefault((str(cryostat["metadata"].get("uid")), namespace), set())
        if digest not in recorded and len(recorded) >= MAX_EVENTS:
            return
        recorded.add(digest)
        if len(self._recorded) > MAX_BUDGETS:
            del self._recorded[next(iter(self._recorded))]
        task = asyncio.create_task(self._reader.record_event(cryostat, reason, message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def creator_of(request: AdmissionRequest) -> str:
    """Return the workload that creates the pod, so that a hundred pods of one Deployment cause one event."""
    metadata = request.obj["metadata"]
    for owner in metadata.get("ownerReferences") or []:
        if owner.get("controller"):
            suffix = f"-{(metadata.get('labels') or {}).get('pod-template-hash', '')}"
            if owner["kind"] == "ReplicaSet" and owner["name"].endswith(suffix) and len(suffix) > 1:
                return f"Pods of Deployment {owner['name'].removesuffix(suffix)}"
            return f"Pods of {owner['kind']} {owner['name']}"
    return f"Pod {object_name(request)}"


def object_name(request: AdmissionRequest) -> str:
    """Return the name of the reviewed object, or the beginning of the name that the API server generates for it."""
    metadata = request.obj.get("metadata") or {}
    return str(metadata.get("name") or metadata.get("generateName") or request.name)
