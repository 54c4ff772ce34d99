"""Finds why one container of a pod does not run, from the status that the kubelet wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..claims import VOLUME_FIELDS
from ..model.kinds import Obj
from ..model.messages import capitalized, enumeration, quoted, termination_message
from ..model.problems import PodFailure
from ..model.reasons import Reason
from ..model.times import seconds
from . import container_remedies, image_remedies, missing_references
from .container_options import external_storage, image_variables, resource_field
from .container_remedies import ContainerFacts

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
# Of a container that was created and not started. Between two attempts, its last end has the cause.
_NOT_STARTED = frozenset({"RunContainerError", "StartError", "ContainerCannotRun"})
_ADDED = "a webhook or policy of the cluster added this container"


def failures(pod: Obj, kind: str, container: Obj) -> Iterator[PodFailure]:
    """Yield failures that do not end by waiting: a bad image, a missing Secret, an end with an error.

    Args:
        kind: `container` or `init container`.
        container: its status.
    """
    name = container["name"]
    waiting = (container.get("state") or {}).get("waiting") or {}
    reason = waiting.get("reason") or ""
    if reason in _IMAGE_PULL:
        yield _image_pull(pod, kind, container)
    elif reason and reason not in _STARTING and reason != "CrashLoopBackOff":
        yield _start(pod, kind, container, reason, waiting)
    elif ended := _last_end(kind, container):
        if ended.get("reason") not in _NOT_STARTED:
            yield _crash(pod, kind, container, ended)
        elif "running" not in (container.get("state") or {}):  # otherwise a later attempt succeeded
            yield _start(pod, kind, container, ended["reason"], ended)
    elif reason == "CrashLoopBackOff":
        cause = f"{kind} {name} ends repeatedly"
        yield PodFailure(Reason.CONTAINER_CRASHED, cause, capitalized(log_command(pod, name)), name, lacks_message=True)


def _start(pod: Obj, kind: str, container: Obj, reason: str, state: Obj) -> PodFailure:
    """Return why a container cannot be started, from a state of it with a message of the kubelet."""
    name, quote = container["name"], quoted(state.get("message"))
    if container_remedies.is_killed_for_memory(quote):
        return _out_of_memory(pod, kind, name)
    words = (quote if reason in _NOT_STARTED else f"{reason}: {quote}") if quote else reason
    cause = f"{kind} {name} cannot be started ({words})"
    return PodFailure(Reason.POD_NOT_RUNNING, cause, _remedy_of_start(pod, name, quote), name)


def _remedy_of_start(pod: Obj, name: str, quote: str) -> str:
    facts = _facts(pod, name)
    added = "" if facts else f"; {_ADDED}"
    if missing := missing_references.remedy_for(pod, quote, is_own_container=bool(facts)):
        return f"{missing}{added}"
    return container_remedies.remedy_of_start(quote, facts) if facts else f"Correct what the message names{added}"


def _image_pull(pod: Obj, kind: str, container: Obj) -> PodFailure:
    name = container["name"]
    waiting = container["state"]["waiting"]
    image = _spec(pod, kind, name).get("image") or container.get("image") or ""
    quote = quoted(waiting.get("message")).replace(f"{image}: ", "")
    # Between two attempts, the reason is another one: quoting it would change the message each time.
    cause = f'{kind} {name} cannot pull image "{image}" ({quote or waiting["reason"]})'
    account = (pod.get("spec") or {}).get("serviceAccountName") or "default"
    remedy = image_remedies.remedy_for(
        waiting["reason"] if waiting["reason"] == "InvalidImageName" else quote,
        variables=image_variables(pod, name),
        account=account,
        node=(pod.get("spec") or {}).get("nodeName", ""),
    )
    return PodFailure(Reason.IMAGE_PULL_FAILED, cause, remedy, name, lacks_message=not quote)


def _last_end(kind: str, container: Obj) -> Obj | None:
    """Return the last end of a container that is not ready; None without an end, or if an init container succeeded."""
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
        return _out_of_memory(pod, kind, name)
    code = ended.get("exitCode", 0)
    quote = termination_message(ended.get("message"))
    cause = f"{kind} {name} {_how(code, _spec(pod, kind, name))} and is started again"
    inner = quote.replace('"', "'")  # double quotes show where the text of the container ends
    cause += f' (last message: "{inner}")' if quote else ""
    facts, log = _facts(pod, name), log_command(pod, name)
    remedy = container_remedies.remedy_of_end(code, quote, facts, log) if facts else ""
    remedy = remedy or f"{capitalized(log)}{external_storage(pod, _spec(pod, kind, name))}"
    return PodFailure(Reason.CONTAINER_CRASHED, cause, remedy, name)


def _out_of_memory(pod: Obj, kind: str, name: str) -> PodFailure:
    limit = ((_spec(pod, kind, name).get("resources") or {}).get("limits") or {}).get("memory")
    used = f"more memory than its limit of {limit}" if limit else "more memory than its node has"
    field = resource_field(pod["metadata"]["labels"].get("app", ""), name)
    remedy = f"Raise spec.{field}.limits.memory" if field else "Raise its memory limit"
    if not image_variables(pod, name):
        remedy += f"; {_ADDED}"
    return PodFailure(Reason.OUT_OF_MEMORY, f"{kind} {name} was killed because it used {used}", remedy, name)


def _how(code: int, spec: Mapping[str, Obj]) -> str:
    """In which way a container ended, by its exit code. 137 and 143 are signals, which the kubelet sends, too."""
    probes = [name for name in ("startupProbe", "livenessProbe") if spec.get(name)]
    if code not in (137, 143) or not probes:
        return f"ended with exit code {code}"
    kinds = enumeration([name.removesuffix("Probe") for name in probes], "or")
    return f"was killed with exit code {code}, perhaps after a failed {kinds} probe,"


def waits(pod: Obj, kind: str, container: Obj) -> Iterator[PodFailure]:
    """Yield the states that each container has while it starts: its creation, and the time until its probes succeed.

    Args:
        kind: `container` or `init container`.
        container: its status.
    """
    name, state = container["name"], container.get("state") or {}
    if _is_not_created(pod, kind, container):
        cause = f"{kind} {name} has not been created on node {(pod.get('spec') or {}).get('nodeName', '')}"
        labels = pod["metadata"]["labels"]
        selector = f"app={labels['app']},component={labels['component']}"
        command = f"kubectl describe pods -n {pod['metadata']['namespace']} -l {selector}"
        remedy = f"See the events in {command}: a volume, Secret or network is missing"
        since = seconds((pod.get("status") or {}).get("startTime"))
        yield PodFailure(Reason.POD_NOT_RUNNING, cause, remedy, name, since, transient=True)
    elif "running" in state and not container.get("ready"):
        spec = _spec(pod, kind, name)
        probe = "startup" if spec.get("startupProbe") and not container.get("started") else "readiness"
        if kind == "init container" and spec.get("restartPolicy") != "Always":
            cause = f"{kind} {name} has not finished"
        else:
            cause = f"{kind} {name} runs, but its {probe} probe{_request(spec.get(f'{probe}Probe'))} does not succeed"
        since = seconds((state["running"] or {}).get("startedAt"))
        log = log_command(pod, name)
        remedy = capitalized(log)
        if name == pod["metadata"]["labels"].get("app"):
            remedy = f"If a NetworkPolicy denies egress to database or object storage, allow it; otherwise {log}"
            remedy += external_storage(pod, spec)
        yield PodFailure(Reason.POD_NOT_READY, cause, remedy, name, since, transient=True)


def _is_not_created(pod: Obj, kind: str, container: Obj) -> bool:
    """Whether the kubelet has not created a container.

    In a pod with init containers, all have the reason `PodInitializing`, also before the first one is created.
    """
    reason = ((container.get("state") or {}).get("waiting") or {}).get("reason")
    if reason != "PodInitializing" or kind != "init container":
        return reason == "ContainerCreating"
    statuses = pod["status"]["initContainerStatuses"]
    return all("waiting" in (each.get("state") or {}) for each in statuses)


def _spec(pod: Obj, kind: str, name: str) -> Obj:
    containers = (pod.get("spec") or {}).get("initContainers" if kind == "init container" else "containers") or ()
    return next((each for each in containers if each["name"] == name), {})


def _request(probe: Obj | None) -> str:
    """Return the request of a probe, in parentheses."""
    if not probe:
        return ""
    if get := probe.get("httpGet"):
        return f" (GET {get.get('path') or '/'} on port {get.get('port')})"
    if socket := probe.get("tcpSocket") or probe.get("grpc"):
        return f" (port {socket.get('port')})"
    return f" ({' '.join((probe.get('exec') or {}).get('command') or ())})"


def _facts(pod: Obj, container: str) -> ContainerFacts | None:
    """What can be changed about a container; None for one that admission added."""
    variables = image_variables(pod, container)
    if not variables:
        return None
    spec, labels = pod.get("spec") or {}, pod["metadata"]["labels"]
    component, field = labels.get("component", ""), resource_field(labels.get("app", ""), container)
    return ContainerFacts(
        image=variables,
        resources=f"spec.{field}" if field else "",
        security="spec.reportOptions.securityOptions" if component == "reports" else "spec.securityOptions",
        volume=VOLUME_FIELDS.get(component, ""),
        group=(spec.get("securityContext") or {}).get("fsGroup"),
        node=spec.get("nodeName", ""),
    )


def log_command(pod: Obj, container: str) -> str:
    """Return a clause with the command that prints the log of a container."""
    metadata = pod["metadata"]
    labels = metadata["labels"]
    deployment = labels["app"] + ("" if labels["component"] == "cryostat" else f"-{labels['component']}")
    command = f"see kubectl logs -n {metadata['namespace']} deployment/{deployment} -c {container}"
    return command if image_variables(pod, container) else f"{_ADDED}; {command}"
