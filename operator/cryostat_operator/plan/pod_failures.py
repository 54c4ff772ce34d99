"""What keeps a pod from running, read from the status that scheduler and kubelet wrote."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from .lasting_waits import LASTING_SECONDS
from .model.kinds import Obj
from .model.messages import last_words, quoted
from .model.reasons import Reason

_STARTING = frozenset({"ContainerCreating", "PodInitializing"})
_IMAGE_PULL = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
# What follows the name of the instance in the name of a container → the field of its resources.
_RESOURCE_FIELDS = {
    "": "resources.coreResources",
    "-grafana": "resources.grafanaResources",
    "-jfr-datasource": "resources.dataSourceResources",
    "-auth-proxy": "resources.authProxyResources",
    "-agent-proxy": "resources.agentProxyResources",
    "-db": "resources.databaseResources",
    "-storage": "resources.objectStorageResources",
    "-reports": "reportOptions.resources",
}


class PodFailure(NamedTuple):
    """Why a pod does not serve.

    Attributes:
        reason: a reason of `COMPONENT_REASONS`.
        cause: a clause about the pod or its container, for `messages.message`.
        remedy: one sentence.
        container: name of the container; empty if the cause concerns the whole pod.
        since: when a wait began (seconds since the epoch); None for a failure that no wait repairs.
        vague: whether the kubelet waits before it tries again, and its status no longer contains the cause.
        passing: whether every pod has this state for a while when it starts, so that only a lasting one is reported.
    """

    reason: Reason
    cause: str
    remedy: str = ""
    container: str = ""
    since: float | None = None
    passing: bool = False
    vague: bool = False

    @property
    def lasting_from(self) -> float:
        """When the failure counts as lasting, in seconds since the epoch."""
        if self.since is None:
            return math.inf if self.passing else 0.0
        return self.since + LASTING_SECONDS

    @property
    def reported_from(self) -> float:
        """When the status starts to report the failure, in seconds since the epoch."""
        return self.lasting_from if self.passing else 0.0


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
    if scheduled.get("reason") in ("Unschedulable", "SchedulingGated"):
        yield _unschedulable(pod, scheduled)
    containers = [("init container", each) for each in status.get("initContainerStatuses") or ()]
    containers += [("container", each) for each in status.get("containerStatuses") or ()]
    for kind, container in containers:
        yield from _container_failures(pod, kind, container)
    if _lost_contact(conditions):
        node = (pod.get("spec") or {}).get("nodeName", "")
        since = seconds(conditions["Ready"].get("lastTransitionTime"))
        remedy = "Repair the node or delete it: its pods are replaced then"
        yield PodFailure(Reason.NODE_NOT_READY, f"node {node} of its pod does not report its state", remedy, "", since)
    for kind, container in containers:
        yield from _waits(pod, kind, container)


def _unschedulable(pod: Obj, condition: Obj) -> PodFailure:
    since = seconds(condition.get("lastTransitionTime"))
    if condition.get("reason") == "SchedulingGated":
        gates = ", ".join(each.get("name", "") for each in (pod.get("spec") or {}).get("schedulingGates") or ())
        cause = f"its pod is not scheduled because of the scheduling gates {gates}".rstrip()
        remedy = "Check the controller that sets them; it removes them when the pod may start"
        return PodFailure(Reason.POD_UNSCHEDULABLE, cause, remedy, "", since)
    words = quoted(condition.get("message"))
    if "unbound immediate PersistentVolumeClaims" in words:  # the scheduler has no reason of its own for this
        return PodFailure(Reason.VOLUME_PENDING, "its PersistentVolumeClaim is not bound to a volume", since=since)
    cause = f"its pod cannot be scheduled ({words})"
    is_report = pod["metadata"]["labels"].get("component") == "reports"
    remedy = _remedy_of_scheduling(words, "spec.reportOptions" if is_report else "spec")
    return PodFailure(Reason.POD_UNSCHEDULABLE, cause, remedy, "", since)


def _remedy_of_scheduling(words: str, options: str) -> str:
    """What to do, by the words of the scheduler, which has no reasons for them.

    Args:
        options: the field of the spec with `resources` and `schedulingOptions` of the pod.
    """
    if "volume node affinity conflict" in words:
        return (
            "Its PersistentVolume can be used only on other nodes, such as those of another zone: add a node there, "
            f"or remove from {options}.schedulingOptions what keeps the pod away from them"
        )
    if "Insufficient" in words:
        return f"Add a node that fits or free one, or lower {options}.resources"
    if "Too many pods" in words or "max volume count" in words:
        return "Add a node, or delete pods that are not needed"
    return f"Add a node that fits, or correct {options}.schedulingOptions"


def _container_failures(pod: Obj, kind: str, container: Obj) -> Iterator[PodFailure]:
    """What a container cannot recover from by waiting: a bad image, a missing Secret, an end with an error."""
    name = container["name"]
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason = waiting.get("reason") or ""
    if reason in _IMAGE_PULL:
        yield _image_pull(pod, kind, container)
    elif reason and reason not in _STARTING and reason != "CrashLoopBackOff":
        words = quoted(waiting.get("message"))
        cause = f"{kind} {name} cannot be started ({f'{reason}: {words}' if words else reason})"
        remedy = "Create or correct what is named; the kubelet tries again by itself"
        yield PodFailure(Reason.POD_NOT_RUNNING, cause, remedy, name)
    elif ended := _last_end(kind, container):
        yield _crash(pod, kind, container, ended)
    elif reason == "CrashLoopBackOff":
        cause = f"{kind} {name} ends again and again"
        yield PodFailure(Reason.CONTAINER_CRASHED, cause, _log(pod, name), name, vague=True)


def _image_pull(pod: Obj, kind: str, container: Obj) -> PodFailure:
    name = container["name"]
    waiting = container["state"]["waiting"]
    image = _spec(pod, kind, name).get("image") or container.get("image") or ""
    words = quoted(waiting.get("message")).replace(f"{image}: ", "")
    # Between two attempts, the reason is another one: quoting it would change the message each time.
    cause = f'{kind} {name} cannot pull image "{image}" ({words or waiting["reason"]})'
    account = (pod.get("spec") or {}).get("serviceAccountName") or "default"
    remedy = f"Check the image, the registry, and the pull secrets of ServiceAccount {account}"
    return PodFailure(Reason.IMAGE_PULL_FAILED, cause, remedy, name, vague=not words)


def _last_end(kind: str, container: Obj) -> Obj | None:
    """How a container ended that has not become ready since; None if it never ended, or did what it should."""
    state = container.get("state") or {}
    if container.get("ready"):
        return None
    ended: Obj | None = state.get("terminated") or (container.get("lastState") or {}).get("terminated")
    if kind == "init container" and ended and ended.get("exitCode") == 0:
        return None
    return ended


def _crash(pod: Obj, kind: str, container: Obj, ended: Obj) -> PodFailure:
    name = container["name"]
    if ended.get("reason") == "OOMKilled":
        limit = ((_spec(pod, kind, name).get("resources") or {}).get("limits") or {}).get("memory")
        used = f"more memory than its limit of {limit}" if limit else "more memory than its node has"
        field = resource_field(pod["metadata"]["labels"].get("app", ""), name)
        remedy = f"Raise spec.{field}.limits.memory" if field else "Raise its memory limit"
        return PodFailure(Reason.OUT_OF_MEMORY, f"{kind} {name} was killed because it used {used}", remedy, name)
    code = ended.get("exitCode", 0)
    cause = f"{kind} {name} {_how(code, _spec(pod, kind, name))} and is started again"
    words = last_words(ended.get("message"))
    cause += f'. Its last words: "{words}"' if words else ""
    return PodFailure(Reason.CONTAINER_CRASHED, cause, _log(pod, name), name)


def _how(code: int, spec: Mapping[str, Obj]) -> str:
    """In which way a container ended, by its exit code. 137 and 143 are signals, which the kubelet sends, too."""
    probes = [name for name in ("startupProbe", "livenessProbe") if spec.get(name)]
    if code not in (137, 143) or not probes:
        return f"ended with exit code {code}"
    words = " or ".join(name.removesuffix("Probe") for name in probes)
    return f"was killed (exit code {code}), as after a failed {words} probe,"


def _lost_contact(conditions: Mapping[str, Obj]) -> bool:
    """Whether the node controller, not the kubelet, wrote that a pod is not ready: it sets no reason."""
    ready, containers = conditions.get("Ready") or {}, conditions.get("ContainersReady") or {}
    return ready.get("status") == "False" and not ready.get("reason") and containers.get("status") == "True"


def _waits(pod: Obj, kind: str, container: Obj) -> Iterator[PodFailure]:
    """What each container passes through when it starts: its creation, and the time until its probes succeed."""
    name, state = container["name"], container.get("state") or {}
    if (state.get("waiting") or {}).get("reason") == "ContainerCreating":
        cause = f"{kind} {name} has not been created on node {(pod.get('spec') or {}).get('nodeName', '')}"
        remedy = "See the events of the pod: a volume, Secret or network is missing there"
        since = seconds((pod.get("status") or {}).get("startTime"))
        yield PodFailure(Reason.POD_NOT_RUNNING, cause, remedy, name, since, passing=True)
    elif "running" in state and not container.get("ready"):
        spec = _spec(pod, kind, name)
        probe = "startup" if spec.get("startupProbe") and not container.get("started") else "readiness"
        if kind == "init container":
            cause = f"{kind} {name} has not finished"
        else:
            cause = f"{kind} {name} runs, but its {probe} probe{_request(spec.get(f'{probe}Probe'))} does not succeed"
        since = seconds((state["running"] or {}).get("startedAt"))
        remedy = _log(pod, name)
        if name == pod["metadata"]["labels"].get("app"):
            remedy += ". A NetworkPolicy that denies egress to database or object storage has this effect, too"
        yield PodFailure(Reason.POD_NOT_READY, cause, remedy, name, since, passing=True)


def _terminating(pod: Obj) -> PodFailure:
    name, node = pod["metadata"]["name"], (pod.get("spec") or {}).get("nodeName", "")
    since = seconds(pod["metadata"]["deletionTimestamp"])
    finalizers = ", ".join(pod["metadata"].get("finalizers") or ())
    if finalizers:
        cause = f"its former pod {name} is not deleted because of the finalizers {finalizers}"
        return PodFailure(Reason.POD_TERMINATING, cause, "Remove what keeps them", "", since, passing=True)
    cause = f"its former pod {name} has not ended on node {node}"
    remedy = "Repair the node or delete it; the next pod waits until then"
    return PodFailure(Reason.POD_TERMINATING, cause, remedy, "", since, passing=True)


def _spec(pod: Obj, kind: str, name: str) -> Obj:
    containers = (pod.get("spec") or {}).get("initContainers" if kind == "init container" else "containers") or ()
    return next((each for each in containers if each["name"] == name), {})


def _request(probe: Obj | None) -> str:
    """What a probe asks, in parentheses."""
    if not probe:
        return ""
    if get := probe.get("httpGet"):
        return f" (GET {get.get('path') or '/'} on port {get.get('port')})"
    if socket := probe.get("tcpSocket") or probe.get("grpc"):
        return f" (port {socket.get('port')})"
    return f" ({' '.join((probe.get('exec') or {}).get('command') or ())})"


def resource_field(app: str, container: str) -> str:
    """Return the field of a Cryostat's spec with the resources of a container; empty for one that an admission added.

    Args:
        app: the label `app` of the pod, the name of the Cryostat.
        container: name of the container.
    """
    return _RESOURCE_FIELDS.get(container.removeprefix(app), "") if container.startswith(app) else ""


def _log(pod: Obj, container: str) -> str:
    metadata = pod["metadata"]
    labels = metadata["labels"]
    deployment = labels["app"] + ("" if labels["component"] == "cryostat" else f"-{labels['component']}")
    return f"See kubectl logs -n {metadata['namespace']} deployment/{deployment} -c {container}"


def seconds(time: str | None) -> float | None:
    """A time of Kubernetes in seconds since the epoch."""
    if not time:
        return None
    try:
        return datetime.datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None
