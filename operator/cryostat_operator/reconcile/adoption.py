"""Adopts objects that the Go operator created: adds the ownership labels, so that they are watched and pruned."""

from __future__ import annotations

import asyncio
import logging

from ..api import constants
from ..kube.client import Client
from ..kube.errors import ApiError
from ..observe.owned_objects import OwnedObjects
from ..plan import retention
from ..plan.diff.ownership import belongs_to, instance_of
from ..plan.model import names
from ..plan.model.kinds import KINDS, InstanceKey, Key, Obj, collection_path, key_of

logger = logging.getLogger(__name__)


class Adoption:
    """Adopts the objects of each Cryostat once per leadership term."""

    def __init__(self, client: Client, owned: OwnedObjects) -> None:
        self._client = client
        self._owned = owned
        self._adopted: dict[InstanceKey, str] = {}  # UIDs of Cryostats

    async def adopt(self, instance_key: InstanceKey, uid: str) -> None:
        """Adopt all objects of a Cryostat, unless that was done before.

        Costs one request per kind, so it must not be called for new Cryostats, which have nothing to adopt.

        Args:
            uid: of the Cryostat.

        Raises:
            ApiError: an object could not be read or labeled. The next call tries again.
        """
        if self._adopted.get(instance_key) == uid:
            return
        if adoption_marker(instance_key) not in self._owned.records(instance_key):
            count = await adopt_objects(self._client, self._owned, instance_key)
            if count:
                logger.info("Adopted %d objects of the Go operator", count)
        self._adopted[instance_key] = uid

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget a deleted Cryostat."""
        self._adopted.pop(instance_key, None)

    def reset(self) -> None:
        """Forget all Cryostats; the Go operator may have run since."""
        self._adopted.clear()


async def adopt_objects(client: Client, owned: OwnedObjects, instance_key: InstanceKey) -> int:
    """Add the ownership labels to every object of a Cryostat that lacks them.

    Returns:
        The number of adopted objects.

    Raises:
        ApiError: an object could not be read or labeled.
    """
    # The Go operator created none of the kinds that are watched on demand.
    kinds = [kind.kind for kind in KINDS.values() if kind.namespaced and not kind.on_demand]
    lists = await asyncio.gather(*(_adoptable_objects(client, kind, instance_key) for kind in kinds))
    found = [(kind, obj) for kind, objects in zip(kinds, lists, strict=True) for obj in objects]
    cluster_scoped_name = names.instance_hash_name(instance_key.namespace, instance_key.name)
    for kind in (kind.kind for kind in KINDS.values() if not kind.namespaced):
        obj = await client.get_or_none(Key(kind, "", cluster_scoped_name))
        if obj and _is_adoptable(obj, key_of(obj, kind), instance_key):
            found.append((kind, obj))
    # The marker comes last: if adoption is interrupted, the marker is not labeled and all is done again.
    marker = [each for each in found if key_of(each[1], each[0]) == adoption_marker(instance_key)]
    others = [each for each in found if each not in marker]
    for objects in (others, marker):
        await asyncio.gather(*(_label(client, owned, instance_key, kind, obj) for kind, obj in objects))
    return len(found)


def adoption_marker(instance_key: InstanceKey) -> Key:
    """Return the key of an object that every instance has. When it has the ownership labels, adoption is complete."""
    return Key("ServiceAccount", instance_key.namespace, instance_key.name)


def is_orphaned(marker: Obj | None) -> bool:
    """Return whether an instance remains without a Cryostat, by `kubectl delete --cascade=orphan` or a restore.

    Args:
        marker: the object of `adoption_marker`; None if it does not exist.
    """
    return marker is not None and retention.is_released(marker)


async def _adoptable_objects(client: Client, kind: str, instance_key: InstanceKey) -> list[Obj]:
    """Return the metadata of all objects of a kind that belong to the Cryostat and lack the labels."""
    found: list[Obj] = []

    def add(obj: Obj) -> None:
        if _is_adoptable(obj, key_of(obj, kind), instance_key):
            found.append(obj)

    try:
        await client.list_metadata(collection_path(kind, instance_key.namespace), add)
    except ApiError as error:
        if error.status != 404 or not KINDS[kind].optional:
            raise
    return found


def _is_adoptable(obj: Obj, key: Key, instance_key: InstanceKey) -> bool:
    unlabeled = instance_of(obj) is None and "deletionTimestamp" not in obj["metadata"]
    return unlabeled and belongs_to(obj, key, instance_key)


async def _label(client: Client, owned: OwnedObjects, instance_key: InstanceKey, kind: str, obj: Obj) -> None:
    """Add the ownership labels to an object, unless it was deleted in the meantime."""
    key = key_of(obj, kind)
    live = await client.get_or_none(key)
    if live is None:
        return
    ownership_labels = {constants.LABEL_NAME: instance_key.name, constants.LABEL_NAMESPACE: instance_key.namespace}
    labels = {**(live["metadata"].get("labels") or {}), **ownership_labels}
    try:
        response = await client.replace(key, {**live, "metadata": {**live["metadata"], "labels": labels}})
    except ApiError as error:
        if error.status != 404:
            raise
    else:
        owned.record_write(kind, response)
