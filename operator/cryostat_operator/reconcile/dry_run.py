"""Shows what applying a Cryostat would change in a live cluster, without writing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from ..api import constants
from ..api.v1beta2 import Cryostat
from ..kube.client import Client
from ..kube.errors import ApiError
from ..observe.one_shot_reader import OneShotReader
from ..observe.planning import plan_for
from ..plan.diff.plan_diff import Change, diff
from ..plan.model.kinds import KINDS, Obj, cryostat_path, resource_path
from ..plan.model.reasons import Reason
from ..plan.yaml_text import documents
from ..settings import Settings

HIDDEN = "<hidden>"
_API_SERVER_SERVICE = resource_path("", "v1", "services", "default", "kubernetes")


class Difference(NamedTuple):
    """What applying a Cryostat would change.

    Attributes:
        text: unified diffs of all objects that would be written; empty if there are none.
        assumptions: what the user may not read, and what the diffs assume instead: one sentence each.
    """

    text: str
    assumptions: tuple[str, ...]


async def difference(client: Client, cryostat: Cryostat, settings: Settings) -> Difference:
    """Compare the objects of a Cryostat in the cluster with those that it would have.

    Raises:
        ApiError: something cannot be read on which the objects of the Cryostat depend.
    """
    cryostat = await live_cryostat(client, cryostat)
    reader = await OneShotReader.create(client, cryostat, settings)
    desired, plan = await plan_for(cryostat, reader, settings)
    snapshot = desired.instance.snapshot
    completed = await with_api_server_service(client, settings, snapshot.live.values())
    if completed != settings:
        _, plan = await plan_for(cryostat, reader, completed)
    lines: list[str] = []
    for change in diff(plan, snapshot, cryostat.metadata.get("uid", "")).changes:
        if change.key not in reader.unread:
            lines += _unified_diff(change, snapshot.live.get(change.key))
    for problem in plan.problems:
        if problem.reason == Reason.API_SERVER_UNKNOWN and not reader.may_read_endpoints:
            continue  # the operator may read the addresses, and the user may not
        lines.append(f"# {problem.reason}: {problem.message}\n")
    return Difference("".join(lines), reader.assumptions)


async def with_api_server_service(client: Client, settings: Settings, live: Iterable[Obj]) -> Settings:
    """Return the settings with the address of the API server's Service. In a pod, the environment has this address.

    Args:
        client: reads the Service.
        settings: those of this process, which may run outside of the cluster.
        live: objects of the instance. The address is used only if one of their NetworkPolicies has it, because an
            operator outside of the cluster does not know the address and writes no rule for it.
    """
    policies = [obj for obj in live if obj["kind"] == "NetworkPolicy"]
    if settings.api_server_service is not None or not policies:
        return settings
    try:
        service = await client.get_or_none(_API_SERVER_SERVICE)
    except ApiError:  # a user may not be allowed to read it
        return settings
    spec = (service or {}).get("spec") or {}
    address = str(spec.get("clusterIP") or "")
    ports = [port["port"] for port in spec.get("ports") or () if port.get("name") == "https"]
    rules = [rule for policy in policies for rule in policy["spec"].get("egress") or ()]
    hosts = {(peer.get("ipBlock") or {}).get("cidr", "").partition("/")[0] for r in rules for peer in r.get("to") or ()}
    return replace(settings, api_server_service=(address, ports[0])) if ports and address in hosts else settings


async def live_cryostat(client: Client, cryostat: Cryostat) -> Cryostat:
    """Return the Cryostat as `kubectl apply` would store it: with its live identity, status and other annotations."""
    metadata = cryostat.metadata
    live = await client.get_or_none(cryostat_path(metadata["namespace"], metadata["name"]))
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
    """An object as lines of YAML, without fields that the API server manages. `trim` has removed data of Secrets."""
    managed = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation")
    metadata = {k: v for k, v in obj["metadata"].items() if k not in managed}
    if obj["kind"] == "Secret" and "annotations" in metadata:
        metadata["annotations"] = {k: _shown(k, v) for k, v in metadata["annotations"].items()}
    shown = {**{k: v for k, v in obj.items() if k != "status"}, "metadata": metadata}
    return documents([shown], sort_keys=True).splitlines(keepends=True)


def _shown(key: str, value: str) -> str:
    """Return the value of a Secret's annotation, or `HIDDEN` for one of another program.

    The annotation of `kubectl apply` contains the data of the Secret.
    """
    return value if key.partition("/")[0] in (constants.GROUP, KINDS["Certificate"].group) else HIDDEN
