"""The newest known state of every Cryostat, from kopf's stream and from the answers to our own writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..api import constants
from ..plan.model.kinds import InstanceKey, Obj
from .records import Enqueue

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_VOLATILE = frozenset({"resourceVersion", "generation", "managedFields"})


class CryostatStore:
    """Cryostats by namespace and name; rings where one is new, gone, or not what it was."""

    def __init__(self, enqueue: Enqueue) -> None:
        self._enqueue = enqueue
        self._bodies: dict[InstanceKey, Obj] = {}

    def __len__(self) -> int:
        return len(self._bodies)

    def __iter__(self) -> Iterator[InstanceKey]:
        return iter(list(self._bodies))

    def get(self, owner: InstanceKey) -> Obj | None:
        """Must not be changed."""
        return self._bodies.get(owner)

    def of_namespace(self, name: str) -> list[InstanceKey]:
        """Those that live in a namespace or name it as a target."""
        return [owner for owner, body in self._bodies.items() if owner.namespace == name or name in _targets(body)]

    def seen(self, event: str | None, obj: Obj) -> None:
        """What the stream says: `event` is None for a listed object, else ADDED, MODIFIED or DELETED."""
        owner = _owner(obj)
        known = self._bodies.get(owner)
        if event == "DELETED":
            if known is None or known["metadata"]["uid"] == obj["metadata"]["uid"]:
                self._bodies.pop(owner, None)
                self._enqueue(owner)
        elif known is None or event is None or _newer(obj, known):
            # A list is believed even if it is older: the cluster may have been restored from a backup.
            self._bodies[owner] = _kept(obj)
            if known is None or _version(obj) != _version(known):
                self._enqueue(owner)

    def answered(self, obj: Obj) -> None:
        """What the API server made of a write of ours. It may hold a change of somebody else's, too."""
        owner = _owner(obj)
        known = self._bodies.get(owner)
        if known is None or known["metadata"]["uid"] != obj["metadata"]["uid"] or not _newer(obj, known):
            return  # deleted, made again, or changed meanwhile; the stream tells
        self._bodies[owner] = _kept(obj)
        if _wish(known) != _wish(obj):
            self._enqueue(owner)

    def gone(self, owner: InstanceKey, uid: str) -> None:
        """The API server says that it does not exist; the stream may have missed it."""
        known = self._bodies.get(owner)
        if known and known["metadata"]["uid"] == uid:
            del self._bodies[owner]


def _owner(obj: Obj) -> InstanceKey:
    return InstanceKey(obj["metadata"]["namespace"], obj["metadata"]["name"])


def _version(obj: Obj) -> str:
    return str(obj["metadata"]["resourceVersion"])


def _newer(obj: Obj, known: Obj) -> bool:
    return int(_version(obj)) > int(_version(known))


def _kept(body: Obj) -> Obj:
    """A Cryostat without notes on who set what, which are larger than all the rest, and without a senseless status."""
    metadata = {k: v for k, v in body["metadata"].items() if k != "managedFields"}
    annotations = metadata.get("annotations") or {}
    if _LAST_APPLIED in annotations:
        metadata["annotations"] = {k: v for k, v in annotations.items() if k != _LAST_APPLIED}
    status = body.get("status")
    return {**body, "metadata": metadata, "status": status if _makes_sense(status) else {}}


def _makes_sense(status: Any) -> bool:
    """Whether a status has the shape that we write, which not every schema ever in force may have asked for."""
    conditions = status.get("conditions") if isinstance(status, dict) else None
    return isinstance(conditions, list) and all(isinstance(each, dict) for each in conditions)


def _targets(body: Obj) -> list[Any]:
    """Target namespaces as they are written, in a spec that nobody may have checked."""
    spec = body.get("spec")
    targets = spec.get("targetNamespaces") if isinstance(spec, dict) else None
    return targets if isinstance(targets, list) else []


def _wish(body: Obj) -> tuple[Any, ...]:
    """All that others may have changed: not the status, and not our finalizer."""
    metadata = {k: v for k, v in _kept(body)["metadata"].items() if k not in _VOLATILE}
    metadata["finalizers"] = [f for f in metadata.get("finalizers") or () if f != constants.FINALIZER]
    return metadata, body.get("spec")
