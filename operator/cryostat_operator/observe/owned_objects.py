"""What was last seen of our own objects, per Cryostat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping

from ..plan.diff.managed_fields import trimmed
from ..plan.diff.ownership import instance_of
from ..plan.model.kinds import InstanceKey, Key, Obj
from .records import Enqueue, EnqueueAfter, Record, record_of, resource_version

MAX_TOMBSTONES = 5_000  # deleted objects remembered; the news of one deletion overlap with few others
SOON = 0.3  # seconds in which the pods of a rollout say several things
_AT_LEISURE = 2.0  # seconds until what is only said in passing is repeated in a status


class LiveObjects(Mapping[Key, Obj]):
    """Some objects of one owner as they were last seen; each is parsed when it is first asked for."""

    def __init__(self, records: Mapping[Key, Record], parsed: dict[Key, tuple[Record, Obj]]) -> None:
        self._records, self._parsed = records, parsed

    def __getitem__(self, key: Key) -> Obj:
        record = self._records[key]
        known = self._parsed.get(key)
        if known is None or known[0] is not record:
            self._parsed[key] = known = record, record.obj
        return known[1]

    def __contains__(self, key: object) -> bool:
        return key in self._records

    def __iter__(self) -> Iterator[Key]:
        return iter(self._records)

    def __len__(self) -> int:
        return len(self._records)


class OwnedObjects:
    """All objects that carry our mark, by owner; rings the owner when something that matters changed.

    What tells of its progress step by step, such as a Deployment whose pods start, rings through `ring_later`.
    """

    def __init__(self, enqueue: Enqueue, enqueue_after: EnqueueAfter) -> None:
        self._enqueue = enqueue
        self._enqueue_after = enqueue_after
        self._by_owner: dict[InstanceKey, dict[Key, Record]] = defaultdict(dict)
        self._parsed: dict[InstanceKey, dict[Key, tuple[Record, Obj]]] = {}
        self._owners: dict[Key, InstanceKey] = {}
        self._gone: dict[str, str] = {}  # UID → version in which it went out of sight, the oldest first

    def live(self, owner: InstanceKey, only: Collection[Key] | None = None) -> LiveObjects:
        """Objects of one owner as they are now, all or `only` these; must not be changed. See `rest`."""
        records = {key: record for key, record in self.of(owner).items() if only is None or key in only}
        return LiveObjects(records, self._parsed.setdefault(owner, {}))

    def agree(self, owner: InstanceKey, wishes: Mapping[Key, bytes]) -> None:
        """These objects were found to be as wished: that need not be found out again while neither changes."""
        for key, record in self.of(owner).items():
            record.agreed = wishes.get(key, record.agreed)

    def rest(self, owner: InstanceKey) -> None:
        """A run is over: keep only the compact form of its objects."""
        self._parsed.pop(owner, None)

    def of(self, owner: InstanceKey) -> dict[Key, Record]:
        return self._by_owner.get(owner, {})

    def owners(self) -> list[InstanceKey]:
        return [owner for owner, records in self._by_owner.items() if records]

    def keys_of_kind(self, kind: str) -> Iterable[tuple[InstanceKey, Key]]:
        return [(o, k) for o, records in self._by_owner.items() for k in records if k.kind == kind]

    def store(self, kind: str) -> OwnedObjectStore:
        return OwnedObjectStore(self, kind)

    def put(self, kind: str, obj: Obj, *, enqueue: bool) -> None:
        """Take in a newer state of one object; an older one than known is ignored."""
        owner = instance_of(obj)
        if owner is None:
            return
        key = Key(kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])
        known = self.of(owner).get(key)
        if known and known.version == resource_version(obj):
            return
        if known and _older(resource_version(obj), known.version):
            return
        gone = self._gone.get(obj["metadata"]["uid"])
        if gone and not _older(gone, resource_version(obj)):
            return  # the answer to our own write came after the news of its deletion
        before = self._owners.get(key, owner)
        if before != owner:
            self.drop(before, key, enqueue=True)  # somebody edited its mark
        live = trimmed(kind, obj)
        record = record_of(kind, live, obj)
        if known and known.spec_hash == record.spec_hash:
            record.agreed = known.agreed
        self._by_owner[owner][key] = record
        self._owners[key] = owner
        if owner in self._parsed:
            self._parsed[owner][key] = record, live
        if not enqueue:
            return
        if known is None or known.spec_hash != record.spec_hash:
            self._enqueue(owner)
        elif known.state != record.state:
            if is_rolling_out(kind, live):
                self._enqueue_after(owner, SOON)
            else:
                self._enqueue(owner)
        elif known.noise_hash != record.noise_hash:
            self._enqueue_after(owner, _AT_LEISURE)

    def drop(self, owner: InstanceKey, key: Key, *, enqueue: bool) -> None:
        records = self._by_owner.get(owner)
        if records and records.pop(key, None) is not None:
            self._owners.pop(key, None)
            if enqueue:
                self._enqueue(owner)
        if records is not None and not records:
            self._by_owner.pop(owner, None)

    def add_tombstone(self, obj: Obj) -> None:
        """That object is out of sight; what is yet to come about its time before is no news."""
        self._gone.pop(obj["metadata"]["uid"], None)
        self._gone[obj["metadata"]["uid"]] = resource_version(obj)
        if len(self._gone) > MAX_TOMBSTONES:
            del self._gone[next(iter(self._gone))]


def is_rolling_out(kind: str, live: Obj) -> bool:
    """Whether the status of an object is about to change again: of a rollout, of a certificate being issued."""
    if kind != "Certificate":
        return kind == "Deployment"
    conditions = (live.get("status") or {}).get("conditions") or ()
    return not any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _older(version: str, known: str) -> bool:
    """Whether a resource version precedes another: they are decimal numbers that grow (KEP-5504)."""
    return version.isdigit() and known.isdigit() and int(version) < int(known)


class OwnedObjectStore:
    """One kind's part of `Children`, as a reflector fills it."""

    def __init__(self, children: OwnedObjects, kind: str) -> None:
        self._children = children
        self._kind = kind
        self._unseen: set[tuple[InstanceKey, Key]] = set()

    def relist(self) -> None:
        self._unseen = set(self._children.keys_of_kind(self._kind))

    def upsert(self, obj: Obj) -> None:
        owner = instance_of(obj)
        if owner is not None:
            key = Key(self._kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])
            self._unseen.discard((owner, key))
            self._children.put(self._kind, obj, enqueue=True)

    def remove(self, obj: Obj) -> None:
        """Also called when an object loses our mark: the stream shows its last state with the mark."""
        owner = instance_of(obj)
        key = Key(self._kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])
        known = self._children.of(owner).get(key) if owner else None
        if owner and known and known.uid == obj["metadata"]["uid"]:
            self._children.drop(owner, key, enqueue=True)
        self._children.add_tombstone(obj)

    def relisted(self) -> None:
        for owner, key in self._unseen:
            self._children.drop(owner, key, enqueue=True)
        self._unseen = set()
