"""All namespaces of the cluster: UID, whether they are being deleted, and the annotation that the planner reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..api import constants
from ..plan.model.kinds import Obj
from ..plan.model.snapshot import NamespaceState


class NamespaceStore:
    """The state of every namespace. Calls `changed(name)` when one appears, disappears or changes."""

    def __init__(self, changed: Callable[[str], None]) -> None:
        self._changed = changed
        self._states: dict[str, NamespaceState] = {}
        self._not_listed: set[str] = set()

    def snapshot(self, names: Iterable[str]) -> dict[str, NamespaceState]:
        """Return the states of those of the named namespaces that exist."""
        return {name: self._states[name] for name in names if name in self._states}

    def begin_list(self) -> None:
        """See `Store`."""
        self._not_listed = set(self._states)

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        metadata = obj["metadata"]
        annotations = metadata.get("annotations") or {}
        kept = {k: v for k, v in annotations.items() if k == constants.ANNOTATION_SUPPLEMENTAL_GROUPS}
        state = NamespaceState("deletionTimestamp" in metadata, kept, metadata["uid"])
        self._not_listed.discard(metadata["name"])
        if self._states.get(metadata["name"]) != state:
            self._states[metadata["name"]] = state
            self._changed(metadata["name"])

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        if self._states.pop(obj["metadata"]["name"], None):
            self._changed(obj["metadata"]["name"])

    def end_list(self) -> None:
        """See `Store`."""
        for name in self._not_listed:
            self._states.pop(name, None)
            self._changed(name)
        self._not_listed = set()
