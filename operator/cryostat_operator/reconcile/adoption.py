"""Finds what the Go operator made for a Cryostat and puts our mark on it, so that it is seen from then on."""

from __future__ import annotations

import asyncio

from ..api import constants
from ..kube.client import Client, accept_metadata
from ..kube.errors import ApiError
from ..observe.owned_objects import OwnedObjects
from ..plan.diff.ownership import belongs_to, instance_of
from ..plan.model import names
from ..plan.model.kinds import KINDS, InstanceKey, Key, Obj, collection_path


async def adopt_objects(client: Client, children: OwnedObjects, owner: InstanceKey) -> int:
    """Mark every unmarked object of this Cryostat; the number of objects that were found.

    Raises:
        ApiError: something could not be read or marked; the next run tries again.
    """
    kinds = [kind.kind for kind in KINDS.values() if kind.namespaced]
    lists = await asyncio.gather(*(_list(client, kind, owner.namespace) for kind in kinds))
    found = [(kind, obj) for kind, objs in zip(kinds, lists, strict=True) for obj in objs]
    shared = names.instance_hash_name(owner.namespace, owner.name)
    for kind in (kind.kind for kind in KINDS.values() if not kind.namespaced):
        obj = await client.get_or_none(Key(kind, "", shared))
        if obj is not None:
            found.append((kind, obj))
    # What tells that all was done comes last, so that what was interrupted is done again.
    last = [each for each in found if _key(*each) == adoption_marker(owner)]
    count = 0
    for part in ([each for each in found if each not in last], last):
        count += sum(await asyncio.gather(*(_mark(client, children, owner, kind, obj) for kind, obj in part)))
    return count


def adoption_marker(owner: InstanceKey) -> Key:
    """An object that every instance has; once it is marked, nothing is left to be found."""
    return Key("ServiceAccount", owner.namespace, owner.name)


def _key(kind: str, obj: Obj) -> Key:
    return Key(kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])


async def _list(client: Client, kind: str, namespace: str) -> list[Obj]:
    accept = accept_metadata("PartialObjectMetadataList")  # most of it is other people's
    try:
        answer = await client.request("GET", collection_path(kind, namespace), accept=accept)
        return list(answer.get("items") or ())
    except ApiError as error:
        if error.status == 404 and KINDS[kind].optional:
            return []
        raise


async def _mark(client: Client, children: OwnedObjects, owner: InstanceKey, kind: str, obj: Obj) -> bool:
    metadata = obj["metadata"]
    key = _key(kind, obj)
    if instance_of(obj) is not None or "deletionTimestamp" in metadata or not belongs_to(obj, key, owner):
        return False
    mark = {constants.LABEL_NAME: owner.name, constants.LABEL_NAMESPACE: owner.namespace}
    try:
        whole = await client.get(key)
        labels = {**(whole["metadata"].get("labels") or {}), **mark}
        body = {**whole, "metadata": {**whole["metadata"], "labels": labels}}
        children.put(kind, await client.replace(key, body), enqueue=False)
    except ApiError as error:
        if error.status != 404:
            raise
    return True
