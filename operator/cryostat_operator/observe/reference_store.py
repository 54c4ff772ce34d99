"""What was last seen of others' objects that a Cryostat depends on: namespaces, Secrets, ConfigMaps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from ..api import constants
from ..plan.model.kinds import InstanceKey, Obj
from ..plan.model.snapshot import ContentSummary, NamespaceState
from .records import Enqueue, content_summary, resource_version


class NamespaceStore:
    """Every namespace: whether it is going away, and the annotation that we read."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._facts: dict[str, NamespaceState] = {}
        self._unseen: set[str] = set()

    def snapshot(self, wanted: Iterable[str]) -> dict[str, NamespaceState]:
        return {name: self._facts[name] for name in wanted if name in self._facts}

    def relist(self) -> None:
        self._unseen = set(self._facts)

    def upsert(self, obj: Obj) -> None:
        metadata = obj["metadata"]
        annotations = metadata.get("annotations") or {}
        kept = {k: v for k, v in annotations.items() if k == constants.ANNOTATION_SUPPLEMENTAL_GROUPS}
        fact = NamespaceState("deletionTimestamp" in metadata, kept)
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


class ReferenceStore:
    """Secrets or ConfigMaps of users that some Cryostat names: which ones, and whether they changed.

    Fed by a metadata-only stream of all of them; nothing is kept of those that nobody names.
    """

    def __init__(self, kind: str, enqueue: Enqueue) -> None:
        self.kind = kind
        self._enqueue = enqueue
        self._users: dict[tuple[str, str], set[InstanceKey]] = defaultdict(set)
        self._used: dict[InstanceKey, set[str]] = {}
        self._facts: dict[tuple[str, str], ContentSummary | None] = {}
        self._heads: dict[tuple[str, str], Obj] = {}
        self._versions: dict[tuple[str, str], str] = {}
        self._changes: dict[tuple[str, str], int] = {}
        self._unseen: set[tuple[str, str]] = set()

    def use(self, owner: InstanceKey, wanted: set[str]) -> None:
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

    def fact(self, namespace: str, name: str) -> ContentSummary | None:
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
            self._facts[key] = content_summary(obj)
            self._versions[key] = resource_version(obj)
            self._heads[key] = {"metadata": {k: obj["metadata"].get(k) for k in ("labels", "ownerReferences")}}

    def relist(self) -> None:
        self._unseen = set(self._users)

    def upsert(self, obj: Obj) -> None:
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        self._unseen.discard(key)
        if key in self._users and self._versions.get(key) != resource_version(obj):
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

    def touched(self, owner: InstanceKey, obj: Obj) -> None:
        """An object with the mark of `owner`, which the stream does not show, came, changed or went."""
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        if key in self._users and self._versions.get(key) != resource_version(obj):
            self._forget(key, besides=owner)

    def _forget(self, key: tuple[str, str], besides: InstanceKey | None = None) -> None:
        """Look it up again at the next run of each user."""
        self._drop(key)
        self._changes[key] = self._changes.get(key, 0) + 1
        for owner in self._users[key] - {besides}:
            self._enqueue(owner)

    def _drop(self, key: tuple[str, str]) -> None:
        for store in (self._facts, self._versions, self._heads):
            store.pop(key, None)
