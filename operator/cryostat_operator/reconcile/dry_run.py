"""Shows what applying a Cryostat would change in a live cluster, without writing."""

from __future__ import annotations

import difflib

import yaml

from ..api import constants
from ..api.v1beta2 import Cryostat
from ..kube.client import Client
from ..kube.connection import connect
from ..observe.one_shot import OneShotReader
from ..observe.reader import plan_for
from ..plan.diff.plan_diff import Change, diff
from ..plan.model.kinds import Obj
from ..settings import Settings


async def difference(cryostat: Cryostat, settings: Settings) -> str:
    """Return unified diffs of all objects that would be written; empty if there are none.

    Raises:
        ApiError: something cannot be read.
    """
    client = Client(await connect(), connect)
    try:
        return await _difference(client, await live_cryostat(client, cryostat), settings)
    finally:
        await client.close()


async def _difference(client: Client, cryostat: Cryostat, settings: Settings) -> str:
    reader = await OneShotReader.create(client, cryostat, settings)
    desired, plan = await plan_for(cryostat, reader, settings)
    snapshot = desired.instance.snapshot
    lines: list[str] = []
    for change in diff(plan, snapshot, cryostat.metadata.get("uid", "")).changes:
        lines += _unified_diff(change, snapshot.live.get(change.key))
    for problem in plan.problems:
        lines.append(f"# {problem.reason}: {problem.message}\n")
    return "".join(lines)


async def live_cryostat(client: Client, cryostat: Cryostat) -> Cryostat:
    """Return the Cryostat as `kubectl apply` would store it: with its live identity, status and other annotations."""
    metadata = cryostat.metadata
    path = f"/apis/{constants.API_VERSION}/namespaces/{metadata['namespace']}/{constants.PLURAL}/{metadata['name']}"
    live = await client.get_or_none(path)
    if live is None:
        return cryostat
    body = cryostat.model_dump(by_alias=True, exclude_none=True)
    identity = {k: live["metadata"][k] for k in ("uid", "generation")}
    annotations = {**(live["metadata"].get("annotations") or {}), **(metadata.get("annotations") or {})}
    metadata = {**metadata, **identity, "annotations": annotations}
    return Cryostat.model_validate({**body, "metadata": metadata, "status": live.get("status")})


def _unified_diff(change: Change, live: Obj | None) -> list[str]:
    before = _yaml(live) if live and change.verb != "create" else []
    after = _yaml(change.obj) if change.obj else []
    paths = ", ".join(change.paths)
    head = f"# {change.verb} {change.key}{f': {paths}' if paths else ''}\n"
    return [head, *difflib.unified_diff(before, after, f"live/{change.key}", f"desired/{change.key}", n=2)]


def _yaml(obj: Obj) -> list[str]:
    """An object without the fields that the API server manages; Secrets have no data here, see `trim`."""
    noise = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation")
    metadata = {k: v for k, v in obj["metadata"].items() if k not in noise}
    shown = {**{k: v for k, v in obj.items() if k != "status"}, "metadata": metadata}
    return yaml.safe_dump(shown, sort_keys=True, width=120).splitlines(keepends=True)
