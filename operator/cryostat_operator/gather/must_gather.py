"""Collects what a support case needs: objects, states, events and logs, without values of Secrets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .. import __version__
from ..inspect.cause import Cause
from ..inspect.observed import Observed
from ..kube.client import Client
from ..plan.model.kinds import Obj
from ..plan.yaml_text import documents
from .operator_files import operator_files
from .pod_logs import pod_logs
from .redaction import redact, redact_text

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
            files[f"{folder}/{place}/{obj['kind'].lower()}-{meta['name']}.yaml"] = documents([redact(obj)])
        files[f"{folder}/events.txt"] = _events(observed)
        files |= await pod_logs(client, observed.pods, f"{folder}/logs", notes)
        notes += observed.unreadable
    files |= await operator_files(client, notes)
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
