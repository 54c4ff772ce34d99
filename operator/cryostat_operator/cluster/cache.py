"""What was last seen of the cluster: our own objects per Cryostat, and the few things of others that we depend on."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import orjson

from ..desired import names
from ..desired.instance import DataFact, NamespaceFact
from ..desired.plan import Key, Obj
from .certificates import Inspected, inspect
from .client import FIELD_MANAGER

_GRAVES = 5_000  # deleted objects remembered; the news of one deletion overlap with few others
# Field manager of the Go operator, and of every other program that is called so: see `is_our_work`.
_MANAGER = "manager"


class Owner(NamedTuple):
    """The Cryostat that something belongs to."""

    namespace: str
    name: str


Ring = Callable[[Owner], None]
RingLater = Callable[[Owner, float], None]  # within so many seconds

SOON = 0.3  # seconds in which the pods of a rollout say several things
_AT_LEISURE = 2.0  # seconds until what is only said in passing is repeated in a status


def owner_of(obj: Obj) -> Owner | None:
    """The Cryostat that an object's mark names."""
    labels = obj["metadata"].get("labels") or {}
    if names.LABEL_NAME in labels and names.LABEL_NAMESPACE in labels:
        return Owner(labels[names.LABEL_NAMESPACE], labels[names.LABEL_NAME])
    return None


def digest(uid: str, data: dict[str, str], binary: dict[str, str]) -> str:
    """A digest of the content that tells nothing about it: its key is the object's UID, unknown to pod readers."""
    content = orjson.dumps([data, binary], option=orjson.OPT_SORT_KEYS)
    return hmac.new(uid.encode(), content, hashlib.sha256).hexdigest()


def data_fact(obj: Obj) -> DataFact:
    """Keys and digest of a Secret or ConfigMap."""
    data, binary = obj.get("data") or {}, obj.get("binaryData") or {}
    made_for = (obj["metadata"].get("annotations") or {}).get(names.ANNOTATION_CERTIFICATE, "")
    return DataFact(frozenset(data) | frozenset(binary), digest(obj["metadata"]["uid"], data, binary), made_for)


def trimmed(kind: str, obj: Obj) -> Obj:
    """The parts of a live object that are compared or reported; Secret values never enter the cache."""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "selfLink")}
    metadata["managedFields"] = [m for m in map(_metadata_fields, obj["metadata"].get("managedFields") or ()) if m]
    result = {**obj, "kind": kind, "metadata": metadata}
    if kind == "Secret":
        result.pop("data", None)
    return result


def is_our_work(entry: Obj) -> bool:
    """Whether an entry of `managedFields` tells of this operator, or of the Go operator that it takes over from.

    The latter's manager is just `manager`, as in most operators: it was the Go operator if it also made the object, and
    so has set an owner or the mark.
    """
    if entry.get("subresource"):
        return False
    metadata = (entry.get("fieldsV1") or {}).get("f:metadata") or {}
    made = "f:ownerReferences" in metadata or f"f:{names.LABEL_NAME}" in (metadata.get("f:labels") or {})
    return entry.get("manager") == FIELD_MANAGER or (entry.get("manager") == _MANAGER and made)


def _metadata_fields(entry: Obj) -> Obj | None:
    """What we set in the metadata of an object and of its pod template."""
    if not is_our_work(entry):
        return None
    fields = entry.get("fieldsV1") or {}
    own = fields.get("f:metadata")
    template = ((fields.get("f:spec") or {}).get("f:template") or {}).get("f:metadata")
    kept: dict[str, Any] = {}
    if own:
        kept["f:metadata"] = {k: own[k] for k in ("f:labels", "f:annotations") if k in own}
    if template:
        kept["f:spec"] = {"f:template": {"f:metadata": template}}
    return {"manager": entry["manager"], "fieldsV1": kept}


@dataclass(slots=True)
class Record:
    """One object of ours: identity, digests of what it should be (essence), of what it is (state) and of what else it
    says of that (murmur), its JSON.

    `controller` is the UID and the name of the Cryostat that controls it, `agreed` the digest of the wish that its
    essence was last found to fulfil.
    """

    uid: str
    version: str
    essence: bytes
    state: bytes
    murmur: bytes
    body: bytes
    data: DataFact | None
    certificate: Inspected | None = None
    controller: tuple[str, str] | None = None
    agreed: bytes = b""

    @property
    def obj(self) -> Obj:
        return dict(orjson.loads(zlib.decompress(self.body)))


def record_of(kind: str, live: Obj, obj: Obj) -> Record:
    """The record of an object, `live` being what is `trimmed` of it."""
    metadata = {k: v for k, v in live["metadata"].items() if k not in ("resourceVersion", "generation")}
    data = data_fact(obj) if kind in ("Secret", "ConfigMap") else None
    if data and kind == "Secret":  # somebody has emptied a value of ours: as good as none
        data = replace(data, keys=frozenset(key for key in data.keys if obj["data"][key]))
    wanted = {**live, "metadata": metadata, "status": None, "data digest": data.digest if data else None}
    certificate = inspect(obj.get("data") or {}) if kind == "Secret" else None
    version, body = live_version(obj), zlib.compress(orjson.dumps(live), 1)
    state, murmur = _told(live.get("status") or {}) if kind == "Deployment" else (live.get("status"), None)
    digests = _digest(wanted), _digest(state), _digest(murmur)
    return Record(metadata["uid"], version, *digests, body, data, certificate, controller_of(obj))


def controller_of(obj: Obj) -> tuple[str, str] | None:
    """UID and name of the Cryostat that controls an object, if one does."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        group = str(reference.get("apiVersion", "")).partition("/")[0]
        if reference.get("controller") and reference.get("kind") == names.KIND and group == names.GROUP:
            return str(reference.get("uid", "")), str(reference.get("name", ""))
    return None


def _told(status: Obj) -> tuple[Any, Any]:
    """What a Deployment's status says of being available, failing and having finished, and its other remarks.

    How many pods it just has, and when a condition was looked at, is neither.
    """
    conditions = sorted(status.get("conditions") or (), key=lambda condition: str(condition.get("type")))
    said = [[c.get(k) for k in ("type", "status", "reason", "message")] for c in conditions]
    true = [c["type"] for c in conditions if c.get("status") == "True" and c["type"] != "Progressing"]
    ends = [c.get("reason") for c in conditions if c["type"] == "Progressing" and c.get("reason") in _ENDS]
    return [true, ends], [status.get("observedGeneration"), said]


_ENDS = frozenset({"NewReplicaSetAvailable", "ProgressDeadlineExceeded"})


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def live_version(obj: Obj) -> str:
    return str(obj["metadata"].get("resourceVersion") or "")


class Live(Mapping[Key, Obj]):
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


class Children:
    """All objects that carry our mark, by owner; rings the owner when something that matters changed.

    What tells of its progress step by step, such as a Deployment whose pods start, rings through `ring_later`.
    """

    def __init__(self, ring: Ring, ring_later: RingLater) -> None:
        self._ring = ring
        self._ring_later = ring_later
        self._by_owner: dict[Owner, dict[Key, Record]] = defaultdict(dict)
        self._parsed: dict[Owner, dict[Key, tuple[Record, Obj]]] = {}
        self._owners: dict[Key, Owner] = {}
        self._gone: dict[str, str] = {}  # UID → version in which it went out of sight, the oldest first

    def live(self, owner: Owner, only: Callable[[Record], bool] = lambda _: True) -> Live:
        """Objects of one owner as they are now; must not be changed. See `rest`."""
        records = {key: record for key, record in self.of(owner).items() if only(record)}
        return Live(records, self._parsed.setdefault(owner, {}))

    def agree(self, owner: Owner, wishes: Mapping[Key, bytes]) -> None:
        """These objects were found to be as wished: that need not be found out again while neither changes."""
        for key, record in self.of(owner).items():
            record.agreed = wishes.get(key, record.agreed)

    def rest(self, owner: Owner) -> None:
        """A run is over: keep only the compact form of its objects."""
        self._parsed.pop(owner, None)

    def of(self, owner: Owner) -> dict[Key, Record]:
        return self._by_owner.get(owner, {})

    def owners(self) -> list[Owner]:
        return [owner for owner, records in self._by_owner.items() if records]

    def keys_of_kind(self, kind: str) -> Iterable[tuple[Owner, Key]]:
        return [(o, k) for o, records in self._by_owner.items() for k in records if k.kind == kind]

    def store(self, kind: str) -> ChildStore:
        return ChildStore(self, kind)

    def put(self, kind: str, obj: Obj, *, ring: bool) -> None:
        """Take in a newer state of one object; an older one than known is ignored."""
        owner = owner_of(obj)
        if owner is None:
            return
        key = Key(kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])
        known = self.of(owner).get(key)
        if known and known.version == live_version(obj):
            return
        if known and _older(live_version(obj), known.version):
            return
        gone = self._gone.get(obj["metadata"]["uid"])
        if gone and not _older(gone, live_version(obj)):
            return  # the answer to our own write came after the news of its deletion
        before = self._owners.get(key, owner)
        if before != owner:
            self.drop(before, key, ring=True)  # somebody edited its mark
        live = trimmed(kind, obj)
        record = record_of(kind, live, obj)
        if known and known.essence == record.essence:
            record.agreed = known.agreed
        self._by_owner[owner][key] = record
        self._owners[key] = owner
        if owner in self._parsed:
            self._parsed[owner][key] = record, live
        if not ring:
            return
        if known is None or known.essence != record.essence:
            self._ring(owner)
        elif known.state != record.state:
            if _talkative(kind, live):
                self._ring_later(owner, SOON)
            else:
                self._ring(owner)
        elif known.murmur != record.murmur:
            self._ring_later(owner, _AT_LEISURE)

    def drop(self, owner: Owner, key: Key, *, ring: bool) -> None:
        records = self._by_owner.get(owner)
        if records and records.pop(key, None) is not None:
            self._owners.pop(key, None)
            if ring:
                self._ring(owner)
        if records is not None and not records:
            self._by_owner.pop(owner, None)

    def bury(self, obj: Obj) -> None:
        """That object is out of sight; what is yet to come about its time before is no news."""
        self._gone.pop(obj["metadata"]["uid"], None)
        self._gone[obj["metadata"]["uid"]] = live_version(obj)
        if len(self._gone) > _GRAVES:
            del self._gone[next(iter(self._gone))]


def _talkative(kind: str, live: Obj) -> bool:
    """Whether the status of an object is about to change again: of a rollout, of a certificate being issued."""
    if kind != "Certificate":
        return kind == "Deployment"
    conditions = (live.get("status") or {}).get("conditions") or ()
    return not any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


def _older(version: str, known: str) -> bool:
    """Whether a resource version precedes another: they are decimal numbers that grow (KEP-5504)."""
    return version.isdigit() and known.isdigit() and int(version) < int(known)


class ChildStore:
    """One kind's part of `Children`, as a reflector fills it."""

    def __init__(self, children: Children, kind: str) -> None:
        self._children = children
        self._kind = kind
        self._unseen: set[tuple[Owner, Key]] = set()

    def relist(self) -> None:
        self._unseen = set(self._children.keys_of_kind(self._kind))

    def upsert(self, obj: Obj) -> None:
        owner = owner_of(obj)
        if owner is not None:
            key = Key(self._kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])
            self._unseen.discard((owner, key))
            self._children.put(self._kind, obj, ring=True)

    def remove(self, obj: Obj) -> None:
        """Also called when an object loses our mark: the stream shows its last state with the mark."""
        owner = owner_of(obj)
        key = Key(self._kind, obj["metadata"].get("namespace") or "", obj["metadata"]["name"])
        known = self._children.of(owner).get(key) if owner else None
        if owner and known and known.uid == obj["metadata"]["uid"]:
            self._children.drop(owner, key, ring=True)
        self._children.bury(obj)

    def relisted(self) -> None:
        for owner, key in self._unseen:
            self._children.drop(owner, key, ring=True)
        self._unseen = set()


class Namespaces:
    """Every namespace: whether it is going away, and the annotation that we read."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._facts: dict[str, NamespaceFact] = {}
        self._unseen: set[str] = set()

    def facts(self, wanted: Iterable[str]) -> dict[str, NamespaceFact]:
        return {name: self._facts[name] for name in wanted if name in self._facts}

    def relist(self) -> None:
        self._unseen = set(self._facts)

    def upsert(self, obj: Obj) -> None:
        metadata = obj["metadata"]
        annotations = metadata.get("annotations") or {}
        kept = {k: v for k, v in annotations.items() if k == names.ANNOTATION_SUPPLEMENTAL_GROUPS}
        fact = NamespaceFact("deletionTimestamp" in metadata, kept)
        self._unseen.discard(metadata["name"])
        if self._facts.get(metadata["name"]) != fact:
            self._facts[metadata["name"]] = fact
            self._changed(metadata["name"])

    def remove(self, obj: Obj) -> None:
        if self._facts.pop(obj["metadata"]["name"], None):
            self._changed(obj["metadata"]["name"])

    def relisted(self) -> None:
        for name in self._unseen:
            self._facts.pop(name, None)
            self._changed(name)
        self._unseen = set()


class References:
    """Secrets or ConfigMaps of users that some Cryostat names: which ones, and whether they changed.

    Fed by a metadata-only stream of all of them; nothing is kept of those that nobody names.
    """

    def __init__(self, kind: str, ring: Ring) -> None:
        self.kind = kind
        self._ring = ring
        self._users: dict[tuple[str, str], set[Owner]] = defaultdict(set)
        self._used: dict[Owner, set[str]] = {}
        self._facts: dict[tuple[str, str], DataFact | None] = {}
        self._heads: dict[tuple[str, str], Obj] = {}
        self._versions: dict[tuple[str, str], str] = {}
        self._changes: dict[tuple[str, str], int] = {}
        self._unseen: set[tuple[str, str]] = set()

    def use(self, owner: Owner, wanted: set[str]) -> None:
        """Declare all that `owner` names now; facts of what nobody names any more are forgotten."""
        for name in wanted:
            self._users[(owner.namespace, name)].add(owner)
        for name in self._used.pop(owner, set()) - wanted:
            key = (owner.namespace, name)
            self._users[key].discard(owner)
            if not self._users[key]:
                del self._users[key]
                self._changes.pop(key, None)
                self._drop(key)
        if wanted:
            self._used[owner] = set(wanted)

    def knows(self, namespace: str, name: str) -> bool:
        """Whether it was looked up since it last changed."""
        return (namespace, name) in self._facts

    def fact(self, namespace: str, name: str) -> DataFact | None:
        """What was found, None where nothing was; ask `knows` first."""
        return self._facts[(namespace, name)]

    def head(self, namespace: str, name: str) -> Obj | None:
        """Labels and owners of what was found, in the shape of an object."""
        return self._heads.get((namespace, name))

    def changes(self, namespace: str, name: str) -> int:
        """Grows with every change that is noticed; to be asked before something is looked up."""
        return self._changes.get((namespace, name), 0)

    def learn(self, namespace: str, name: str, obj: Obj | None, since: int) -> None:
        """Take in what was looked up, unless it changed `since`: its users were told, and will look again."""
        if since != self.changes(namespace, name):
            return
        key = (namespace, name)
        self._drop(key)
        self._facts[key] = None
        if obj:
            self._facts[key] = data_fact(obj)
            self._versions[key] = live_version(obj)
            self._heads[key] = {"metadata": {k: obj["metadata"].get(k) for k in ("labels", "ownerReferences")}}

    def relist(self) -> None:
        self._unseen = set(self._users)

    def upsert(self, obj: Obj) -> None:
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        self._unseen.discard(key)
        if key in self._users and self._versions.get(key) != live_version(obj):
            self._forget(key)

    def remove(self, obj: Obj) -> None:
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        if key in self._users:
            self._forget(key)

    def relisted(self) -> None:
        for key in self._unseen:
            if self._facts.get(key) is not None:
                self._forget(key)
        self._unseen = set()

    def touched(self, owner: Owner, obj: Obj) -> None:
        """An object with the mark of `owner`, which the stream does not show, came, changed or went."""
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        if key in self._users and self._versions.get(key) != live_version(obj):
            self._forget(key, besides=owner)

    def _forget(self, key: tuple[str, str], besides: Owner | None = None) -> None:
        """Look it up again at the next run of each user."""
        self._drop(key)
        self._changes[key] = self._changes.get(key, 0) + 1
        for owner in self._users[key] - {besides}:
            self._ring(owner)

    def _drop(self, key: tuple[str, str]) -> None:
        for store in (self._facts, self._versions, self._heads):
            store.pop(key, None)
