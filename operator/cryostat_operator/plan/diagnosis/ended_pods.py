"""Why the kubelet ended a whole pod, such as an eviction from a node without free space.

Such a pod stays in the cluster with the phase Failed while its ReplicaSet creates the next one. If that one ends, too,
no other pod shows why the Deployment does not become available.
"""

from __future__ import annotations

import re

from ..claims import VOLUME_FIELDS
from ..model.kinds import Obj
from ..model.messages import quoted
from ..model.problems import PodFailure
from ..model.reasons import Reason
from ..model.times import seconds

REPORTED_SECONDS = 600.0  # how long after its end a pod explains that its Deployment is not available
# The end of a message, which differs with each pod: amounts that are free, and that containers or other pods use.
_AMOUNTS = re.compile(r"(\. (Threshold quantity|Container [^ ]+ was using)|, requested: ).*$")
_LOW = re.compile(r"(?:low on|enough) resource: ([\w./-]*\w)")


def ended_pod_failure(pod: Obj) -> PodFailure | None:
    """Return why the kubelet or another controller ended a pod; None if the pod has not failed as a whole."""
    status = pod.get("status") or {}
    reason = status.get("reason") or ""
    if status.get("phase") != "Failed" or not reason:
        return None
    quote = _AMOUNTS.sub("", quoted(status.get("message")))
    node = (pod.get("spec") or {}).get("nodeName") or ""
    cause = f"its previous pod failed{f' on node {node}' if node else ''} ({f'{reason}: {quote}' if quote else reason})"
    remedy = _remedy(pod, quote, node)
    return PodFailure(Reason.POD_NOT_RUNNING, cause, remedy, since=_ended_at(status), ended=True)


def _remedy(pod: Obj, quote: str, node: str) -> str:
    component = pod["metadata"]["labels"].get("component", "")
    if low := _LOW.search(quote):
        return f"Free {low[1]} on {f'node {node}' if node else 'the node'}, or add a node with more of it"
    if "EmptyDir volume" in quote and component in VOLUME_FIELDS:
        return f"Raise {VOLUME_FIELDS[component]}.emptyDir.sizeLimit, or use a claim"
    if "ephemeral" in quote:
        field = "spec.reportOptions.resources" if component == "reports" else "spec.resources"
        return f"Raise limits.ephemeral-storage in {field}"
    options = "spec.reportOptions" if component == "reports" else "spec"
    where = f"node {node}" if node else "the node"
    if "Preempted" in quote:
        return "Add a node, so that pods with a higher priority leave room for this one"
    if "shutdown" in quote or "shutting down" in quote:
        return f"Start {where} again, or add one: the next pod then runs there"
    if "NodeAffinity" in quote:
        return f"Restore the labels of {where}, or correct {options}.schedulingOptions"
    if "OS field" in quote:
        return f"Set kubernetes.io/os: linux in {options}.schedulingOptions.nodeSelector"
    return "Remove this cause; Kubernetes creates the next pod by itself"


def _ended_at(status: Obj) -> float | None:
    """Return when a pod ended, in seconds since the epoch: the last change of a condition, or its start."""
    times = [seconds(each.get("lastTransitionTime")) for each in status.get("conditions") or ()]
    return max((time for time in times if time), default=seconds(status.get("startTime")))
