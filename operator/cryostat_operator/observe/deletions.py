"""Which objects with the ownership labels were deleted, and by whom."""

from __future__ import annotations

from typing import TypeVar

from ..plan.model.kinds import InstanceKey, Key, Obj
from .records import is_older, resource_version

_K = TypeVar("_K", str, Key)

# Entries of each memory below. A stale response is about an object that was deleted moments ago.
MAX_REMEMBERED = 5_000


class Deletions:
    """Remembers deleted objects: the last `MAX_REMEMBERED` tombstones, own deletions and deletions by others.

    A deletion by another client is remembered while the object is missing.
    """

    def __init__(self) -> None:
        self._tombstones: dict[str, str] = {}  # UID → resource version at the deletion, the oldest first
        self._own: dict[str, str] = {}  # UIDs of objects that the operator deleted, the oldest first
        self._by_others: dict[InstanceKey, dict[Key, str]] = {}  # with the UID of the owner

    def add_tombstone(self, obj: Obj) -> None:
        """Remember that an object was deleted, so that stale responses about it are ignored."""
        _remember(self._tombstones, obj["metadata"]["uid"], resource_version(obj))

    def is_stale(self, obj: Obj) -> bool:
        """Return whether a response is about an object that is already deleted."""
        deleted_at = self._tombstones.get(obj["metadata"]["uid"], "")
        return deleted_at != "" and not is_older(deleted_at, resource_version(obj))

    def by_others(self, instance_key: InstanceKey) -> dict[Key, str]:
        """Return the objects that another client deleted and that are still missing, with the UIDs of their owners."""
        return dict(self._by_others.get(instance_key, {}))

    def add_own(self, instance_key: InstanceKey, key: Key, uid: str) -> None:
        """Remember that the operator deleted an object. The event may arrive before or after the response."""
        self.exists_again(instance_key, key)
        _remember(self._own, uid, "")

    def add_by_others(self, instance_key: InstanceKey, key: Key, uid: str, owner: str) -> None:
        """Remember that another client deleted an object, unless the operator deleted it.

        Args:
            uid: of the object.
            owner: UID of its owner.
        """
        if uid not in self._own:
            _remember(self._by_others.setdefault(instance_key, {}), key, owner)

    def exists_again(self, instance_key: InstanceKey, key: Key) -> None:
        """Forget that another client deleted an object: it exists again."""
        self._by_others.get(instance_key, {}).pop(key, None)

    def forget_by_others(self, instance_key: InstanceKey | None = None) -> None:
        """Forget which objects of an instance another client deleted; of all instances if None."""
        if instance_key is None:
            self._by_others.clear()
        else:
            self._by_others.pop(instance_key, None)


def _remember(known: dict[_K, str], key: _K, value: str) -> None:
    """Add an entry as the newest one, and drop the oldest one if there are too many."""
    known.pop(key, None)
    known[key] = value
    if len(known) > MAX_REMEMBERED:
        del known[next(iter(known))]
