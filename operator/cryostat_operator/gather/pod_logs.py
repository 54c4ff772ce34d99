"""Reads the ends of the logs of containers, without what looks like a credential."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from ..kube.client import Client
from ..kube.errors import ApiError
from ..plan.model.kinds import Obj, resource_path
from .redaction import redact_text

LOG_LINES = 1000  # per container
LOG_BYTES = 1024 * 1024  # per container
LOG_SECONDS = 10.0  # per container


async def pod_logs(client: Client, pods: Iterable[Obj], folder: str, notes: list[str]) -> dict[str, str]:
    """Return the last lines of each container, and of its previous run if it was restarted, by path of the file.

    All are read at the same time.

    Args:
        folder: the folder in the paths.
        notes: gets a sentence for each log that cannot be read.
    """
    runs = [(pod, *run) for pod in pods for run in _runs(pod)]
    texts = await asyncio.gather(*(_log(client, *run, notes) for run in runs))
    return {
        f"{folder}/{pod['metadata']['name']}-{container}{'.previous' if previous else ''}.log": text
        for (pod, container, previous), text in zip(runs, texts, strict=True)
        if text is not None
    }


def _runs(pod: Obj) -> Iterator[tuple[str, bool]]:
    """Yield the name of each container with False; if it was restarted, again with True, for its previous run."""
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
