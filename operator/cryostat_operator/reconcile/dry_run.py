"""What applying a Cryostat would change in a live cluster, as text; nothing is written."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Iterable
from dataclasses import replace

import yaml

from ..api import constants
from ..api.v1beta2 import Cryostat
from ..kube.client import Client
from ..kube.connection import connect
from ..kube.discovery import ApiServerEndpoints
from ..kube.errors import ApiError
from ..observe.authentication import AuthenticationStore, authentication_type
from ..observe.records import content_summary
from ..pki.inspection import inspect_secret
from ..plan.diff.comparison import differences
from ..plan.diff.managed_fields import trimmed
from ..plan.diff.ownership import belongs_to
from ..plan.diff.plan_diff import Change, compare
from ..plan.instance import Instance
from ..plan.model import names
from ..plan.model.desired_state import Plan
from ..plan.model.kinds import KINDS, InstanceKey, Key, Obj
from ..plan.model.snapshot import ContentSummary, NamespaceState, Snapshot
from ..plan.planner import plan_for
from ..settings import Settings


async def difference(cryostat: Cryostat, settings: Settings) -> str:
    """Unified diffs of all objects that would be written; empty where nothing would."""
    client = Client(await connect(), connect)
    try:
        return await _difference(client, await _live_cr(client, cryostat), settings)
    finally:
        await client.close()


async def _difference(client: Client, cryostat: Cryostat, settings: Settings) -> str:
    owner = InstanceKey(cryostat.metadata["namespace"], cryostat.metadata["name"])
    apis = await _apis(client)
    targets = {owner.namespace, *Instance(cryostat, Snapshot(), settings).target_namespaces}
    snapshot = Snapshot(
        openshift=settings.force_openshift or "Route" in apis,
        apis=apis,
        namespaces=await _namespaces(client, targets),
        api_server=await _api_server(client),
        authentication_type=await _authentication_type(client) if "Route" in apis else "",
    )
    plan, lines = Plan(), list[str]()
    for _ in range(4):  # what a plan refers to is known once it is drawn
        plan = plan_for(cryostat, snapshot, settings)
        snapshot = await _looked_up(client, owner, plan, snapshot)
    plan = plan_for(cryostat, snapshot, settings)
    for action in compare(plan, snapshot, cryostat.metadata.get("uid", "")):
        lines += _shown(action, snapshot.live.get(action.key))
    for problem in plan.problems:
        lines.append(f"# {problem.reason}: {problem.message}\n")
    return "".join(lines)


async def _live_cr(client: Client, cryostat: Cryostat) -> Cryostat:
    """The Cryostat with the identity and status that it has in the cluster, if it is there."""
    metadata = cryostat.metadata
    path = f"/apis/{constants.API_VERSION}/namespaces/{metadata['namespace']}/{constants.PLURAL}/{metadata['name']}"
    live = await client.get_or_none(path)
    if live is None:
        return cryostat
    body = cryostat.model_dump(by_alias=True, exclude_none=True)
    metadata = {**cryostat.metadata, **{k: live["metadata"][k] for k in ("uid", "generation")}}
    return Cryostat.model_validate({**body, "metadata": metadata, "status": live.get("status")})


async def _authentication_type(client: Client) -> str:
    """The type of authentication of an OpenShift cluster; empty where the user may not read it."""
    try:
        return authentication_type(await client.get_or_none(AuthenticationStore.PATH))
    except ApiError as error:
        if error.status != 403:
            raise
        return ""


async def _apis(client: Client) -> frozenset[str]:
    served = set()
    for kind in KINDS.values():
        answer = await client.get_or_none(f"/{'apis' if kind.group else 'api'}/{kind.api_version}")
        if answer and any(resource["name"] == kind.plural for resource in answer.get("resources") or ()):
            served.add(kind.kind)
    return frozenset(served)


async def _api_server(client: Client) -> tuple[str, ...]:
    store = ApiServerEndpoints(lambda: None)
    query = {"labelSelector": ApiServerEndpoints.SOURCE.selector}
    for obj in (await client.request("GET", ApiServerEndpoints.SOURCE.path, params=query)).get("items") or ():
        store.upsert(obj)
    return store.addresses


async def _namespaces(client: Client, wanted: Iterable[str]) -> dict[str, NamespaceState]:
    found = {}
    for name in sorted(wanted):
        namespace = await client.get_or_none(f"/api/v1/namespaces/{name}")
        if namespace is None:
            continue
        metadata = namespace["metadata"]
        found[name] = NamespaceState("deletionTimestamp" in metadata, metadata.get("annotations") or {})
    return found


async def _looked_up(client: Client, owner: InstanceKey, plan: Plan, snapshot: Snapshot) -> Snapshot:
    """Facts with the live objects of the plan, and with what its pods refer to."""
    wanted = {(r.kind, r.name) for r in plan.references} | {(k.kind, k.name) for k in plan.requests}
    keys = sorted({*plan.objects, *(Key(kind, owner.namespace, name) for kind, name in wanted)} - set(snapshot.live))
    objects = dict(zip(keys, await asyncio.gather(*(client.get_or_none(key) for key in keys)), strict=True))
    data: dict[tuple[str, str], ContentSummary | None] = dict(snapshot.data)
    live, certificates = dict(snapshot.live), dict(snapshot.certificates)
    for key, obj in objects.items():
        found = inspect_secret(obj.get("data") or {}) if obj and key.kind == "Secret" else None
        if found:
            certificates[key] = found.at(time.time())
        if (key.kind, key.name) in wanted:
            data[(key.kind, key.name)] = content_summary(obj) if obj else None
        if obj and key in plan.objects and belongs_to(obj, key, owner):
            live[key] = trimmed(key.kind, obj)
    authority = certificates.get(Key("Secret", owner.namespace, names.ca_secret(*owner)))
    pem = authority.pem if authority else None
    return replace(snapshot, data=data, live=live, certificates=certificates, ca_certificate=pem)


def _shown(action: Change, live: Obj | None) -> list[str]:
    before = _yaml(live) if live and action.verb != "create" else []
    after = _yaml(action.obj) if action.obj else []
    paths = ", ".join(differences(action.obj, live)) if action.obj and live else ""
    head = f"# {action.verb} {action.key}{f': {paths}' if paths else ''}\n"
    return [head, *difflib.unified_diff(before, after, f"live/{action.key}", f"wished/{action.key}", n=2)]


def _yaml(obj: Obj) -> list[str]:
    """An object without what the API server keeps for itself; Secrets have lost their data before."""
    noise = ("managedFields", "resourceVersion", "uid", "creationTimestamp", "generation")
    metadata = {k: v for k, v in obj["metadata"].items() if k not in noise}
    shown = {**{k: v for k, v in obj.items() if k != "status"}, "metadata": metadata}
    return yaml.safe_dump(shown, sort_keys=True, width=120).splitlines(keepends=True)
