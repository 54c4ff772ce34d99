"""Finds why a pod does not run, from the status that scheduler and kubelet wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..claims import VOLUME_FIELDS
from ..model.kinds import Obj
from ..model.messages import counted, quoted
from ..model.problems import PodFailure
from ..model.reasons import Reason
from ..model.times import seconds
from . import container_failures

_PRESSURE = re.compile(r"node\.kubernetes\.io/(disk|memory|pid)-pressure")
_SCARCE = {"disk": "disk space", "memory": "memory", "pid": "process IDs"}


def pod_failure(pod: Obj) -> PodFailure | None:
    """Return the first cause that keeps a pod from serving, or None where nothing is known."""
    return next(_failures(pod), None)


def _failures(pod: Obj) -> Iterator[PodFailure]:
    status = pod.get("status") or {}
    if "deletionTimestamp" in pod["metadata"]:
        yield _terminating(pod)
        return
    if status.get("phase") in ("Succeeded", "Failed"):
        return
    conditions = {each.get("type"): each for each in status.get("conditions") or ()}
    scheduled = conditions.get("PodScheduled") or {}
    if scheduled.get("reason") in ("Unschedulable", "SchedulingGated", "SchedulerError"):
        yield _unschedulable(pod, scheduled)
    containers = [("init container", each) for each in status.get("initContainerStatuses") or ()]
    containers += [("container", each) for each in status.get("containerStatuses") or ()]
    for kind, container in containers:
        yield from container_failures.failures(pod, kind, container)
    if _lost_contact(conditions):
        node = (pod.get("spec") or {}).get("nodeName", "")
        since = seconds(conditions["Ready"].get("lastTransitionTime"))
        remedy = "Repair the node or delete it: its pods are replaced then"
        yield PodFailure(Reason.NODE_NOT_READY, f"node {node} of its pod does not report its state", remedy, "", since)
    for kind, container in containers:
        yield from container_failures.waits(pod, kind, container)
    yield from _waits_for_others(pod, conditions)


def _unschedulable(pod: Obj, condition: Obj) -> PodFailure:
    since = seconds(condition.get("lastTransitionTime"))
    if condition.get("reason") == "SchedulingGated":
        gates = [each.get("name", "") for each in (pod.get("spec") or {}).get("schedulingGates") or ()]
        cause = f"its pod is not scheduled because of the {counted('scheduling gate', gates)}".rstrip()
        remedy = "Check the controller of each gate: it removes the gate when the pod may start"
        return PodFailure(Reason.POD_UNSCHEDULABLE, cause, remedy, "", since)
    quote = quoted(condition.get("message"))
    if "unbound immediate PersistentVolumeClaims" in quote:  # the scheduler has no reason of its own for this
        return PodFailure(Reason.VOLUME_PENDING, "its PersistentVolumeClaim is not bound to a volume", since=since)
    cause = f"its pod cannot be scheduled ({quote})"
    remedy = _remedy_of_scheduling(quote, pod["metadata"]["labels"].get("component", ""))
    # The scheduler repeats what failed because of an error, such as a conflict of two writes.
    is_error = condition.get("reason") == "SchedulerError"
    if is_error:
        remedy = "Remove this cause; the scheduler tries again by itself"
    return PodFailure(Reason.POD_UNSCHEDULABLE, cause, remedy, "", since, transient=is_error)


def _remedy_of_scheduling(quote: str, component: str) -> str:
    """Return what to do about a pod of a component. The message decides, because all causes have one reason."""
    options, field = "spec.reportOptions" if component == "reports" else "spec", VOLUME_FIELDS.get(component)
    if "bound to non-existent p" in quote:
        return "Restore its PersistentVolume, or delete the claim to start over without the data"
    if "ReadWriteOncePod" in quote:
        return "Delete the other pod that uses the claim, if it does not end by itself"
    if "persistentvolumeclaim" in quote:
        return "The operator creates the claim again when it no longer exists; see VolumesReady"
    if "volume node affinity conflict" in quote:
        return (
            "Its PersistentVolume can be used only on other nodes, such as those of another zone: add a node there, "
            f"or remove from {options}.schedulingOptions what keeps the pod away from them"
        )
    if "available persistent volumes to bind" in quote or "enough free storage" in quote:
        other = f"; for another class, set {field}.pvc.spec.storageClassName and delete the claim" if field else ""
        return f"Create a PersistentVolume that a node can use, or free storage of its storage class{other}"
    if "Insufficient" in quote:
        return f"Add a node that fits or free one, or lower {options}.resources"
    if "Too many pods" in quote or "max volume count" in quote:
        return "Add a node, or delete pods that are not needed"
    if pressure := _PRESSURE.search(quote):
        return f"Free {_SCARCE[pressure[1]]} on these nodes, or add a node"
    if "node.kubernetes.io/unreachable" in quote or "node.kubernetes.io/not-ready" in quote:
        return "Repair these nodes, or add a node"
    if "were unschedulable" in quote:
        return "Allow pods on a node again with kubectl uncordon, or add a node"
    if "untolerated taint" in quote and "affinity" not in quote:
        return f"Add a node without such a taint, or add a toleration to {options}.schedulingOptions.tolerations"
    return f"Add a node that fits, or correct {options}.schedulingOptions"


def _waits_for_others(pod: Obj, conditions: Mapping[str, Obj]) -> Iterator[PodFailure]:
    """Yield waits for other programs than kubelet and container: for a scheduler, or for a readiness gate."""
    spec, metadata = pod.get("spec") or {}, pod["metadata"]
    ready = conditions.get("Ready") or {}
    created = seconds(metadata.get("creationTimestamp"))
    if created and not spec.get("nodeName") and "PodScheduled" not in conditions:
        scheduler = spec.get("schedulerName") or "default-scheduler"
        cause = f"its pod has no node, because scheduler {scheduler} has not processed it"
        yield PodFailure(Reason.POD_UNSCHEDULABLE, cause, f"Check that {scheduler} runs", "", created, transient=True)
    elif ready.get("reason") == "ReadinessGatesNotReady":
        gates = [each.get("conditionType", "") for each in spec.get("readinessGates") or ()]
        since = seconds(ready.get("lastTransitionTime"))
        cause = f"its pod is not ready because of the {counted('readiness gate', gates)}".rstrip()
        remedy = "Check the controller of each gate: it must set a condition of this type in the status of the pod"
        yield PodFailure(Reason.POD_NOT_READY, cause, remedy, "", since, transient=True)


def _lost_contact(conditions: Mapping[str, Obj]) -> bool:
    """Whether the node controller, not the kubelet, wrote that a pod is not ready: it sets no reason."""
    ready, containers = conditions.get("Ready") or {}, conditions.get("ContainersReady") or {}
    return ready.get("status") == "False" and not ready.get("reason") and containers.get("status") == "True"


def _terminating(pod: Obj) -> PodFailure:
    name, node = pod["metadata"]["name"], (pod.get("spec") or {}).get("nodeName", "")
    since = seconds(pod["metadata"]["deletionTimestamp"])
    finalizers = pod["metadata"].get("finalizers")
    if finalizers:
        cause = f"its previous pod {name} is not deleted because of the {counted('finalizer', finalizers)}"
        remedy = "Check the controller of each finalizer"
        return PodFailure(Reason.POD_TERMINATING, cause, remedy, "", since, transient=True)
    cause = f"its previous pod {name} has not terminated on node {node}"
    remedy = "Repair the node or delete it; the next pod waits until then"
    return PodFailure(Reason.POD_TERMINATING, cause, remedy, "", since, transient=True)
