"""The Secrets and ConfigMaps that Cryostats refer to: their content summaries, and whether they changed."""

from __future__ import annotations

from collections import defaultdict

from ..kube.reflector import NamespacedStore
from ..plan.diff.ownership import instance_of
from ..plan.model.kinds import InstanceKey, Obj
from ..plan.model.snapshot import ContentSummary
from .records import reference_summary, resource_version
from .triggers import Enqueue


class ReferenceStore:
    """The Secrets or the ConfigMaps without ownership labels, as far as some Cryostat refers to them.

    A metadata-only watch of all of them fills it; nothing is kept of objects without a reference. Content summaries
    are added by `store` after a GET and dropped at each change.
    """

    def __init__(self, kind: str, enqueue: Enqueue) -> None:
        self.kind = kind
        self._enqueue = enqueue
        self._users: dict[tuple[str, str], set[InstanceKey]] = defaultdict(set)
        self._references: dict[InstanceKey, set[str]] = {}
        self._summaries: dict[tuple[str, str], ContentSummary | None] = {}
        self._metadata: dict[tuple[str, str], Obj] = {}
        self._versions: dict[tuple[str, str], str] = {}
        self._revisions: dict[tuple[str, str], int] = {}
        self._not_listed: set[tuple[str, str]] = set()

    def set_references(self, instance_key: InstanceKey, names: set[str]) -> None:
        """Set all names that an instance refers to in its namespace; what is known of unused names is dropped."""
        for name in names:
            self._users[(instance_key.namespace, name)].add(instance_key)
        for name in self._references.pop(instance_key, set()) - names:
            key = (instance_key.namespace, name)
            self._users[key].discard(instance_key)
            if not self._users[key]:
                del self._users[key]
                self._revisions.pop(key, None)
                self._drop(key)
        if names:
            self._references[instance_key] = set(names)

    def is_known(self, namespace: str, name: str) -> bool:
        """Return whether the object was read since it last changed."""
        return (namespace, name) in self._summaries

    def summary(self, namespace: str, name: str) -> ContentSummary | None:
        """Return keys and digest of an object that `is_known`; None if it does not exist."""
        return self._summaries[(namespace, name)]

    def metadata(self, namespace: str, name: str) -> Obj | None:
        """Return labels and owner references of an object; None if it was not read or does not exist."""
        return self._metadata.get((namespace, name))

    def revision(self, namespace: str, name: str) -> int:
        """Return a number that grows with each observed change. Read it before a GET and pass it to `store`."""
        return self._revisions.get((namespace, name), 0)

    def store(self, namespace: str, name: str, obj: Obj | None, revision: int) -> None:
        """Keep what a GET returned, unless the object changed after `revision`: its users are enqueued then."""
        if revision != self.revision(namespace, name):
            return
        key = (namespace, name)
        self._drop(key)
        self._summaries[key] = None
        if obj:
            self._summaries[key] = reference_summary(self.kind, obj)
            self._versions[key] = resource_version(obj)
            self._metadata[key] = {"metadata": {k: obj["metadata"].get(k) for k in ("labels", "ownerReferences")}}

    def begin_list(self, namespace: str = "") -> None:
        """See `NamespacedStore`."""
        self._not_listed |= {key for key in self._users if namespace in ("", key[0])}

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        self._not_listed.discard(key)
        if key in self._users and self._versions.get(key) != resource_version(obj):
            self._invalidate(key)

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        if key in self._users:
            self._invalidate(key)

    def end_list(self, namespace: str = "") -> None:
        """See `NamespacedStore`."""
        gone = {key for key in self._not_listed if namespace in ("", key[0])}
        for key in gone:
            if self._summaries.get(key) is not None:
                self._invalidate(key)
        self._not_listed -= gone

    def owned_object_changed(self, instance_key: InstanceKey, obj: Obj) -> None:
        """Handle a change of an object with the ownership labels of an instance, which this store's watch leaves out.

        Other instances may refer to it, too.
        """
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        if key in self._users and self._versions.get(key) != resource_version(obj):
            self._invalidate(key, except_for=instance_key)

    def _invalidate(self, key: tuple[str, str], except_for: InstanceKey | None = None) -> None:
        """Enqueue the instances that refer to an object; their next run reads it again."""
        self._drop(key)
        self._revisions[key] = self._revisions.get(key, 0) + 1
        for instance_key in self._users[key] - {except_for}:
            self._enqueue(instance_key)

    def _drop(self, key: tuple[str, str]) -> None:
        for known in (self._summaries, self._versions, self._metadata):
            known.pop(key, None)


class ReferenceNotifier:
    """The store of the owned Secrets or ConfigMaps; reports their changes to the `ReferenceStore` of the kind, too."""

    def __init__(self, owned: NamespacedStore, references: ReferenceStore) -> None:
        self._owned, self._references = owned, references
        self.begin_list, self.end_list = owned.begin_list, owned.end_list

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        self._owned.upsert(obj)
        self._report(obj)

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        self._owned.remove(obj)
        self._report(obj)

    def _report(self, obj: Obj) -> None:
        instance_key = instance_of(obj)
        if instance_key:
            self._references.owned_object_changed(instance_key, obj)
