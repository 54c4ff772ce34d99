"""Collects what a support case needs: objects, states, events and logs, without values of Secrets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence

from .. import __version__
from ..kube.client import Client
from ..kube.errors import ApiError
from ..plan.model.kinds import Obj, resource_path
from ..plan.yaml_text import document
from .causes import Cause
from .observed import Observed
from .reader import OPERATOR_NAMESPACE, Reader
from .redaction import redact, redact_text

LOG_LINES = 1000  # per container
LOG_BYTES = 1024 * 1024
LOG_SECONDS = 10.0  # per container
Instance = tuple[Observed, Sequence[Cause]]


async def gather(client: Client, instances: Iterable[Instance]) -> dict[str, str]:
    """Return path → content of all files of the archive.

    Raises:
        ApiError: the API server does not answer.
    """
    files: dict[str, str] = {}
    notes: list[str] = []
    instances = list(instances)
    for observed, _ in instances:
        folder = f"{observed.namespace}/{observed.name}"
        for obj in (observed.cryostat, *observed.objects, *observed.pods):
            meta = obj["metadata"]
            place = meta.get("namespace") or "cluster"
            files[f"{folder}/{place}/{obj['kind'].lower()}-{meta['name']}.yaml"] = document([redact(obj)])
        files[f"{folder}/events.txt"] = _events(observed)
        files |= await _logs(client, observed.pods, f"{folder}/logs", notes)
        notes += observed.unreadable
    files |= await _operator(client, notes)
    files["version.txt"] = await _versions(client)
    files["README.md"] = _index(instances, sorted(files), sorted(set(notes)))
    return files


def _events(observed: Observed) -> str:
    return "".join(
        f"{event.get('lastTimestamp') or event.get('eventTime') or ''} {_about(event)}{event.get('reason')}: "
        f"{redact_text(str(event.get('message')))}\n"
        for event in (*observed.events, *observed.pod_events)
    )


def _about(event: Obj) -> str:
    """The object of an event, if it is not the Cryostat."""
    about = event.get("involvedObject") or {}
    return f"Pod {about['name']} " if about.get("kind") == "Pod" else ""


async def _logs(client: Client, pods: Iterable[Obj], folder: str, notes: list[str]) -> dict[str, str]:
    """The last lines of each container, and of its previous run if it was restarted. All are read at the same time."""
    runs = [(pod, *run) for pod in pods for run in _runs(pod)]
    texts = await asyncio.gather(*(_log(client, *run, notes) for run in runs))
    return {
        f"{folder}/{pod['metadata']['name']}-{container}{'.previous' if previous else ''}.log": text
        for (pod, container, previous), text in zip(runs, texts, strict=True)
        if text is not None
    }


def _runs(pod: Obj) -> Iterator[tuple[str, bool]]:
    """Name of each container, and whether it is about its previous run."""
    status, spec = pod.get("status") or {}, pod.get("spec") or {}
    known = (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()))
    restarted = {each["name"] for each in known if each.get("restartCount")}
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        yield container["name"], False
        if container["name"] in restarted:
            yield container["name"], True


async def _log(client: Client, pod: Obj, container: str, previous: bool, notes: list[str]) -> str | None:
    meta = pod["metadata"]
    params = {
        "container": container,
        "tailLines": str(LOG_LINES),
        "limitBytes": str(LOG_BYTES),
        "timestamps": "true",  # without them, a log of one JSON document would be decoded
        "previous": str(previous).lower(),
    }
    path = f"{resource_path('', 'v1', 'pods', meta['namespace'], meta['name'])}/log"
    try:
        async with asyncio.timeout(LOG_SECONDS):
            answer = await client.request("GET", path, params=params, accept="*/*")
    except (ApiError, TimeoutError) as error:  # the node may be gone
        cause = redact_text(str(error)).replace("\n", " ") or f"no answer within {LOG_SECONDS:.0f} seconds"
        notes.append(f"The log of container {container} of pod {meta['name']} cannot be read: {cause}")
        return None
    return redact_text(str(answer.get("text", "")))


async def _operator(client: Client, notes: list[str]) -> dict[str, str]:
    """Pods and logs of the operator."""
    reader = Reader(client)
    selector = "app.kubernetes.io/name=cryostat-operator"
    pods = await reader.read_list("", "v1", "pods", OPERATOR_NAMESPACE, selector) or []
    notes += reader.unreadable
    files = {}
    for pod in pods:
        obj = {"apiVersion": "v1", "kind": "Pod", **pod}
        files[f"operator/pod-{pod['metadata']['name']}.yaml"] = document([redact(obj)])
    return files | await _logs(client, pods, "operator/logs", notes)


async def _versions(client: Client) -> str:
    server = await client.request("GET", "/version")
    return f"kubectl-cryostat {__version__}\nKubernetes {server.get('gitVersion', 'unknown')}\n"


def _index(instances: Sequence[Instance], paths: Sequence[str], notes: Sequence[str]) -> str:
    lines = ["# Cryostat must-gather", "", "Values of Secrets and of environment variables are removed.", ""]
    for observed, causes in instances:
        state = "ready" if observed.ready else "not ready"
        lines += [f"## Cryostat {observed.namespace}/{observed.name}: {state}", ""]
        for cause in causes:
            lines.append(f"* {cause.reason}: {redact_text(cause.message)}")
            lines += [redact_text(f"  * {step}") for step in cause.chain]
        lines.append("")
    lines += ["## Files", "", *(f"* [{path}]({path})" for path in paths), ""]
    if notes:
        lines += ["## Not collected", "", *(f"* {note}" for note in notes), ""]
    return "\n".join(lines)
