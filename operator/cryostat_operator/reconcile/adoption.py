"""Adopts objects that the Go operator created: adds the ownership labels, so that they are watched and pruned."""

from __future__ import annotations

import asyncio
import logging

from ..api import constants
from ..kube.client import Client, accept_metadata
from ..kube.errors import ApiError
from ..observe.owned_objects import OwnedObjects
from ..plan.diff.ownership import belongs_to, instance_of
from ..plan.model import names
from ..plan.model.kinds import KINDS, InstanceKey, Key, Obj, collection_path

logger = logging.getLogger(__name__)


class Adoption:
    """Adopts the objects of each Cryostat once per leadership term."""

    def __init__(self, client: Client, owned: OwnedObjects) -> None:
        self._client = client
        self._owned = owned
        self._adopted: set[str] = set()  # UIDs of Cryostats

    async def adopt(self, key: InstanceKey, uid: str) -> None:
        """Adopt all objects of a Cryostat, unless that was done before.

        Costs one request per kind, so it must not be called for new Cryostats, which have nothing to adopt.

        Args:
            uid: of the Cryostat.

        Raises:
            ApiError: an object could not be read or labeled. The next call tries again.
        """
        if uid in self._adopted:
            return
        if adoption_marker(key) not in self._owned.records(key):
            count = await adopt_objects(self._client, self._owned, key)
            if count:
                logger.info("Adopted %d objects of the Go operator", count)
        self._adopted.add(uid)

    def forget(self, uid: str) -> None:
        """Forget a deleted Cryostat."""
        self._adopted.discard(uid)

    def reset(self) -> None:
        """Forget all Cryostats; the Go operator may have run since."""
        self._adopted.clear()


async def adopt_objects(client: Client, owned: OwnedObjects, key: InstanceKey) -> int:
    """Add the ownership labels to every object of a Cryostat that lacks them.

    Returns:
        The number of adopted objects.

    Raises:
        ApiError: an object could not be read or labeled.
    """
    kinds = [kind.kind for kind in KINDS.values() if kind.namespaced]
    lists = await asyncio.gather(*(_list(client, kind, key.namespace) for kind in kinds))
    found = [(kind, obj) for kind, objects in zip(kinds, lists, strict=True) for obj in objects]
    shared = names.instance_hash_name(key.namespace, key.name)
    for kind in (kind.kind for kind in KINDS.values() if not kind.namespaced):
        obj = await client.get_or_none(Key(kind, "", shared))
        if obj:
            found.append((kind, obj))
    # The marker comes last: if adoption is interrupted, the marker is missing and all is done again.
    marker = [each for each in found if _key(*each) == adoption_marker(key)]
    others = [each for each in found if each not in marker]
    count = 0
    for part in (others, marker):
        count += sum(await asyncio.gather(*(_label(client, owned, key, kind, obj) for kind, obj in part)))
    return count


def adoption_marker(key: InstanceKey) -> Key:
    """An object that every instance has. Once it has the ownership labels, adoption is complete."""
    return Key("ServiceAccount", key.namespace, key.name)


def _key(kind: str, obj: Obj) -> Key:
    return Key(kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])


async def _list(client: Client, kind: str, namespace: str) -> list[Obj]:
    accept = accept_metadata("PartialObjectMetadataList")  # few of the objects belong to the Cryostat
    try:
        response = await client.request("GET", collection_path(kind, namespace), accept=accept)
    except ApiError as error:
        if error.status == 404 and KINDS[kind].optional:
            return []
        raise
    return list(response.get("items") or ())


async def _label(client: Client, owned: OwnedObjects, owner: InstanceKey, kind: str, obj: Obj) -> bool:
    """Add the ownership labels to an object; whether it belongs to the Cryostat and lacked them."""
    key = _key(kind, obj)
    if instance_of(obj) is not None or "deletionTimestamp" in obj["metadata"] or not belongs_to(obj, key, owner):
        return False
    live = await client.get_or_none(key)
    if live is None:
        return True
    ownership_labels = {constants.LABEL_NAME: owner.name, constants.LABEL_NAMESPACE: owner.namespace}
    labels = {**(live["metadata"].get("labels") or {}), **ownership_labels}
    try:
        response = await client.replace(key, {**live, "metadata": {**live["metadata"], "labels": labels}})
    except ApiError as error:
        if error.status != 404:
            raise
        return True
    owned.record_write(kind, response)
    return True
