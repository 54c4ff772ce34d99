"""Reads the Secrets and ConfigMaps that a plan depends on and that are not in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import NamedTuple

from ..fair_slots import FairSlots
from ..kube.client import Client
from ..plan.diff.ownership import belongs_to
from ..plan.model.kinds import InstanceKey, Key, Obj
from ..plan.model.snapshot import ContentSummary, ReferenceData
from ..plan.planner import Desired
from .owned_objects import OwnedObjects
from .reference_store import ReferenceStore

# Each object can have a MiB, so these reads together take some MiB of memory and few of the connections.
MAX_CONCURRENT_READS = 8

KindAndName = tuple[str, str]
"""Kind and name of a Secret or ConfigMap in the namespace of the instance."""


class _Dependencies(NamedTuple):
    """The Secrets and ConfigMaps of one plan.

    Attributes:
        required: all that the plan depends on.
        generated: those of them whose content the operator generates.
        restorable: those of them that a user may restore, for example from a backup, without any label.
    """

    required: frozenset[KindAndName] = frozenset()
    generated: frozenset[KindAndName] = frozenset()
    restorable: frozenset[KindAndName] = frozenset()


class ReferenceResolver:
    """Knows which Secrets and ConfigMaps each instance depends on, and their content summaries."""

    def __init__(self, client: Client, owned: OwnedObjects, stores: Mapping[str, ReferenceStore]) -> None:
        self._client = client
        self._owned = owned
        self._stores = stores
        self._dependencies: dict[InstanceKey, _Dependencies] = {}
        self._reads = FairSlots(MAX_CONCURRENT_READS)  # the namespaces take turns

    def content(self, instance_key: InstanceKey, live: Mapping[Key, Obj]) -> dict[KindAndName, ContentSummary | None]:
        """Return summaries of what the last plan depended on; None for objects that do not exist.

        An object that was not read since it changed is left out.
        """
        records = self._owned.records(instance_key)
        dependencies = self._dependencies.get(instance_key, _Dependencies())
        found: dict[KindAndName, ContentSummary | None] = {}
        for kind, name in dependencies.required:
            key, store = Key(kind, instance_key.namespace, name), self._stores[kind]
            is_generated = (kind, name) in dependencies.generated
            if key in live and key in records:  # it may have been deleted while others were read
                found[kind, name] = records[key].data
            elif is_generated and not live:
                found[kind, name] = None  # a new instance: creating the Secret shows whether one exists
            elif store.is_known(instance_key.namespace, name):
                is_foreign = is_generated and not self._is_owned(instance_key, key)
                found[kind, name] = None if is_foreign else store.summary(instance_key.namespace, name)
        return found

    async def resolve(self, instance_key: InstanceKey, desired: Desired) -> ReferenceData:
        """Read the Secrets and ConfigMaps that a plan depends on and that are not known yet.

        Returns:
            Content of all that the plan depends on, without what changed while it was read.

        Raises:
            ApiError: an object cannot be read.
        """
        live = desired.instance.snapshot.live
        before, now = self._dependencies.get(instance_key), _dependencies(instance_key, desired)
        if before != now:
            self._dependencies[instance_key] = now
            for kind, store in self._stores.items():
                store.set_references(instance_key, {name for k, name in now.required if k == kind})
        written = set(desired.objects) - set(desired.requests)
        planned = {(key.kind, key.name) for key in written if key.namespace == instance_key.namespace}
        unknown = sorted(now.required - set(self.content(instance_key, live)) - planned)
        await asyncio.gather(*(self._read(instance_key, kind, name) for kind, name in unknown))
        return self.content(instance_key, live)

    def forget_instance(self, instance_key: InstanceKey) -> None:
        """Forget the references of an instance and the content that only it refers to."""
        self._dependencies.pop(instance_key, None)
        for store in self._stores.values():
            store.set_references(instance_key, set())

    def _is_owned(self, instance_key: InstanceKey, key: Key) -> bool:
        """Whether an object without ownership labels belongs to the instance, or may be one that a user restored."""
        metadata = self._stores[key.kind].metadata(key.namespace, key.name)
        if metadata is None:
            return False
        is_restorable = (key.kind, key.name) in self._dependencies[instance_key].restorable
        return is_restorable or belongs_to(metadata, key, instance_key)

    async def _read(self, instance_key: InstanceKey, kind: str, name: str) -> None:
        store = self._stores[kind]
        async with self._reads.slot(instance_key.namespace):
            revision = store.revision(instance_key.namespace, name)
            found = await self._client.get_or_none(Key(kind, instance_key.namespace, name))
            store.store(instance_key.namespace, name, found, revision)


def _dependencies(instance_key: InstanceKey, desired: Desired) -> _Dependencies:
    requests = {key: request for key, request in desired.requests.items() if key.namespace == instance_key.namespace}
    generated = frozenset((key.kind, key.name) for key in requests)
    restorable = frozenset((key.kind, key.name) for key, request in requests.items() if request.restore_only)
    referenced = frozenset((reference.kind, reference.name) for reference in desired.references)
    return _Dependencies(generated | referenced, generated, restorable)
