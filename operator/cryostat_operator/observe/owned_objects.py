"""All objects with the ownership labels, by instance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping

from ..plan.diff.ownership import instance_of
from ..plan.model.kinds import InstanceKey, Key, Obj, key_of
from ..plan.model.owned_names import can_own
from . import keystores
from .deletions import Deletions
from .live_objects import LiveObjects
from .records import Record, is_older, record_of, resource_version, without_body
from .triggers import MINOR_STATUS_DELAY, ROLLOUT_DELAY, Triggers

# Objects per namespace that no existing Cryostat can own by name. Each takes 2 to 8 KiB of memory.
MAX_UNOWNABLE = 1_000


class OwnedObjects:
    """Caches all objects with the ownership labels, by instance, and enqueues the instance of an object that changes.

    A change of an object's spec enqueues its instance at once; a status change during a rollout enqueues it after
    `ROLLOUT_DELAY`, because more will follow.

    Anyone who may create ConfigMaps can put the ownership labels on large ones. Therefore the whole body is kept only
    of objects that an existing Cryostat can own by name, and only up to `MAX_BODY_BYTES`. Of all others, only the
    metadata that decides about ownership and deletion is kept. Of objects that no Cryostat can own, `MAX_UNOWNABLE` in
    a namespace are kept, and further ones are ignored. `incomplete` lists the objects to read before they are compared.

    An object in another namespace that the Cryostat cannot own by name is ignored. The operator never changes or
    deletes it, and its creator must not be able to make the operator reconcile Cryostats of other users.
    """

    def __init__(self, triggers: Triggers, exists: Callable[[InstanceKey], bool]) -> None:
        """`exists` returns whether a Cryostat with this key exists."""
        self.deletions = Deletions()
        self._triggers = triggers
        self._exists = exists
        self._records: dict[InstanceKey, dict[Key, Record]] = defaultdict(dict)
        self._instances: dict[Key, InstanceKey] = {}
        self._unownable: dict[str, set[Key]] = defaultdict(set)  # by namespace

    def records(self, instance_key: InstanceKey) -> dict[Key, Record]:
        """Return all objects with the labels of an instance. They must not be changed."""
        return self._records.get(instance_key, {})

    def instances(self) -> list[InstanceKey]:
        """Return every instance that has an object, whether its Cryostat exists or not."""
        return [instance_key for instance_key, records in self._records.items() if records]

    def keys_of_kind(self, kind: str) -> Iterable[tuple[InstanceKey, Key]]:
        """Return every object of a kind, with its instance."""
        return [(owner, key) for owner, records in self._records.items() for key in records if key.kind == kind]

    def live(
        self, instance_key: InstanceKey, only: Collection[Key] | None = None, read: Mapping[Key, Obj] | None = None
    ) -> LiveObjects:
        """Return objects of one instance as they are now.

        Args:
            only: leave out all others.
            read: whole objects of partial records.
        """
        records = self.records(instance_key)
        return LiveObjects({key: record for key, record in records.items() if only is None or key in only}, read)

    def incomplete(self, instance_key: InstanceKey) -> list[Key]:
        """Return objects to read: those that the instance can own by name, and that are cached without their body."""
        records = self.records(instance_key)
        partial = {key for key, record in records.items() if record.is_partial and can_own(instance_key, key)}
        return sorted(partial | keystores.to_read(instance_key, records))

    def mark_in_sync(self, instance_key: InstanceKey, hashes: Mapping[Key, bytes]) -> None:
        """Remember the hashes of the desired objects that these objects match.

        They need not be compared again while neither side changes.
        """
        for key, record in self.records(instance_key).items():
            record.in_sync_with = hashes.get(key, record.in_sync_with)

    def discard_bodies(self, instance_key: InstanceKey) -> None:
        """Keep only the partial bodies of the objects of a Cryostat that does not exist."""
        records = self.records(instance_key)
        for key, record in list(records.items()):
            self._count_unownable(key, is_unownable=True)
            if not record.is_partial:
                records[key] = without_body(record)

    def store(self, kind: str) -> OwnedObjectStore:
        """Return the store for the reflector of one kind."""
        return OwnedObjectStore(self, kind)

    def handle_event(self, kind: str, obj: Obj) -> None:
        """Take in an object from a list or a watch. Enqueues its instance if it changed."""
        change = self._update(kind, obj)
        if change is None:
            return
        instance_key, before, record = change
        if before is None or before.spec_hash != record.spec_hash:
            self._triggers.enqueue(instance_key)
        elif before.status_hash != record.status_hash:
            if is_rolling_out(kind, obj):
                self._triggers.enqueue_after(instance_key, ROLLOUT_DELAY)
            else:
                self._triggers.enqueue(instance_key)
        elif before.minor_status_hash != record.minor_status_hash:
            self._triggers.enqueue_after(instance_key, MINOR_STATUS_DELAY)

    def record_write(self, kind: str, obj: Obj) -> None:
        """Store the response to a request of the operator. Enqueues nothing: the reconcile that sent it continues."""
        self._update(kind, obj)

    def record_read(self, kind: str, obj: Obj) -> None:
        """Take in an object of `incomplete` that was read."""
        instance_key = instance_of(obj)
        key = key_of(obj, kind)
        before = self.records(instance_key).get(key) if instance_key else None
        if instance_key and before and before.uid == obj["metadata"]["uid"] and before.version == resource_version(obj):
            with_body = self._keeps_body(instance_key, key)
            self._count_unownable(key, is_unownable=not with_body)
            record = record_of(kind, obj, with_body=with_body)
            self._put(instance_key, key, record, before)
        else:
            self.handle_event(kind, obj)

    def remove(self, instance_key: InstanceKey, key: Key) -> None:
        """Remove an object. Enqueues its instance if the object was cached."""
        records = self._records.get(instance_key)
        record = records.pop(key, None) if records else None
        if record is not None:
            self._count_unownable(key, is_unownable=False)
            self._instances.pop(key, None)
            # Only what the operator creates again: others may create and delete objects with these labels.
            if self._keeps_body(instance_key, key):
                owner = record.controller[0] if record.controller else ""
                self.deletions.add_by_others(instance_key, key, record.uid, owner)
            self._triggers.enqueue(instance_key)
        if records is not None and not records:
            self._records.pop(instance_key, None)

    def _update(self, kind: str, obj: Obj) -> tuple[InstanceKey, Record | None, Record] | None:
        """Store an object. Returns its instance and the records before and after; None if the object is not newer."""
        instance_key = instance_of(obj)
        if instance_key is None:
            return None
        key = key_of(obj, kind)
        before = self.records(instance_key).get(key)
        version = resource_version(obj)
        if before and (before.version == version or is_older(version, before.version)):
            return None
        if self.deletions.is_stale(obj):
            return None
        previous = self._instances.get(key, instance_key)
        if previous != instance_key:
            self.remove(previous, key)  # its ownership labels were edited
        if key.namespace != instance_key.namespace and not can_own(instance_key, key):
            return None
        with_body = self._keeps_body(instance_key, key)
        if not with_body and before is None and len(self._unownable.get(key.namespace, ())) >= MAX_UNOWNABLE:
            return None
        self._count_unownable(key, is_unownable=not with_body)
        record = record_of(kind, obj, with_body=with_body)
        self._put(instance_key, key, record, before)
        self._instances[key] = instance_key
        self.deletions.exists_again(instance_key, key)
        return instance_key, before, record

    def _put(self, instance_key: InstanceKey, key: Key, record: Record, before: Record | None) -> None:
        if before:
            record.keep_results(before)
        records = self._records[instance_key]
        records[key] = record
        if key.kind == "Secret":
            keystores.compare(instance_key, records)

    def _count_unownable(self, key: Key, *, is_unownable: bool) -> None:
        if is_unownable:
            self._unownable[key.namespace].add(key)
        elif keys := self._unownable.get(key.namespace):
            keys.discard(key)
            if not keys:
                del self._unownable[key.namespace]

    def _keeps_body(self, instance_key: InstanceKey, key: Key) -> bool:
        return can_own(instance_key, key) and self._exists(instance_key)


def is_rolling_out(kind: str, live: Obj) -> bool:
    """Return whether the status is about to change again: of a Deployment, or of a Certificate being issued."""
    if kind != "Certificate":
        return kind == "Deployment"
    conditions = (live.get("status") or {}).get("conditions") or ()
    return not any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


class OwnedObjectStore:
    """One kind of `OwnedObjects`, as a reflector fills it."""

    def __init__(self, owned: OwnedObjects, kind: str) -> None:
        self._owned = owned
        self._kind = kind
        self._not_listed: set[tuple[InstanceKey, Key]] = set()

    def begin_list(self, namespace: str = "") -> None:
        """See `NamespacedStore`."""
        known = self._owned.keys_of_kind(self._kind)
        self._not_listed |= {(owner, key) for owner, key in known if namespace in ("", key.namespace)}

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        instance_key = instance_of(obj)
        if instance_key is not None:
            self._not_listed.discard((instance_key, key_of(obj, self._kind)))
            self._owned.handle_event(self._kind, obj)

    def remove(self, obj: Obj) -> None:
        """See `Store`. Also called when an object loses its labels: the watch sends its last state with them."""
        instance_key = instance_of(obj)
        key = key_of(obj, self._kind)
        before = self._owned.records(instance_key).get(key) if instance_key else None
        if instance_key and before and before.uid == obj["metadata"]["uid"]:
            self._owned.remove(instance_key, key)
        self._owned.deletions.add_tombstone(obj)

    def end_list(self, namespace: str = "") -> None:
        """See `NamespacedStore`."""
        gone = {(owner, key) for owner, key in self._not_listed if namespace in ("", key.namespace)}
        for instance_key, key in gone:
            self._owned.remove(instance_key, key)
        self._not_listed -= gone
