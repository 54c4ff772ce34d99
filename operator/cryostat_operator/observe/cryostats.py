"""The newest known state of every Cryostat, from kopf's watch and from the responses to the operator's own writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..api import constants
from ..api.known_annotations import RECONCILED
from ..api.limits import MAX_ANNOTATION_READ, OversizedSpec, size_problems, text_length
from ..plan.model.kinds import InstanceKey, Obj
from .triggers import Enqueue

_UNUSED_METADATA = frozenset({"managedFields", "labels", "annotations"})
_VOLATILE_METADATA = frozenset({"resourceVersion", "generation", "managedFields"})


class CryostatStore:
    """Cryostats by namespace and name. Enqueues one that is new, deleted or changed."""

    def __init__(self, enqueue: Enqueue) -> None:
        self._enqueue = enqueue
        self._bodies: dict[InstanceKey, Obj] = {}
        self._text_lengths: dict[InstanceKey, int] = {}

    def __len__(self) -> int:
        return len(self._bodies)

    def __iter__(self) -> Iterator[InstanceKey]:
        return iter(list(self._bodies))

    def get(self, instance_key: InstanceKey) -> Obj | None:
        """Return the newest body of a Cryostat, None if it does not exist. It must not be changed."""
        return self._bodies.get(instance_key)

    def in_namespace(self, name: str) -> list[InstanceKey]:
        """Return the Cryostats in a namespace, and those that have it as a target namespace."""
        return [
            instance_key
            for instance_key, body in self._bodies.items()
            if instance_key.namespace == name or name in _targets(body)
        ]

    def text_lengths(self, namespace: str) -> dict[str, int]:
        """Return the number of characters of text in the spec of each Cryostat in a namespace, by name.

        Admission limits their sum.
        """
        return {each.name: length for each, length in self._text_lengths.items() if each.namespace == namespace}

    def handle_event(self, event: str | None, obj: Obj) -> None:
        """Take in an event of the watch.

        Args:
            event: ADDED, MODIFIED or DELETED; None for a listed object. A list replaces even a newer state, because
                the cluster may have been restored from a backup.
        """
        instance_key = _instance(obj)
        before = self._bodies.get(instance_key)
        if event == "DELETED":
            if before is None or before["metadata"]["uid"] == obj["metadata"]["uid"]:
                self._bodies.pop(instance_key, None)
                self._text_lengths.pop(instance_key, None)
                self._enqueue(instance_key)
        elif before is None or event is None or _is_newer(obj, before):
            self._keep(instance_key, obj, before)
            if before is None or _version(obj) != _version(before):
                self._enqueue(instance_key)

    def record_write(self, obj: Obj) -> None:
        """Take in the response to a write of the operator. Enqueues the Cryostat if another client changed it, too."""
        instance_key = _instance(obj)
        before = self._bodies.get(instance_key)
        if before is None or before["metadata"]["uid"] != obj["metadata"]["uid"] or not _is_newer(obj, before):
            return  # deleted, re-created or changed since the write; the watch reports that
        self._keep(instance_key, obj, before)
        if _desired_state(before) != _desired_state(obj):
            self._enqueue(instance_key)

    def _keep(self, instance_key: InstanceKey, obj: Obj, before: Obj | None) -> None:
        self._bodies[instance_key] = body = _trim(obj)
        # A write of the status does not change the generation. Counting can take more than 10 ms.
        if before is None or _generation(before) != _generation(obj):
            self._text_lengths[instance_key] = text_length(body.get("spec"))

    def discard(self, instance_key: InstanceKey, uid: str) -> None:
        """Remove a Cryostat that the API server does not know: the watch may have missed its deletion."""
        before = self._bodies.get(instance_key)
        if before and before["metadata"]["uid"] == uid:
            del self._bodies[instance_key]
            self._text_lengths.pop(instance_key, None)


def _instance(obj: Obj) -> InstanceKey:
    return InstanceKey(obj["metadata"]["namespace"], obj["metadata"]["name"])


def _version(obj: Obj) -> str:
    return str(obj["metadata"]["resourceVersion"])


def _generation(obj: Obj) -> tuple[str, int | None]:
    return obj["metadata"]["uid"], obj["metadata"].get("generation")


def _is_newer(obj: Obj, other: Obj) -> bool:
    return int(_version(obj)) > int(_version(other))


def _trim(body: Obj) -> Obj:
    """A Cryostat with the parts that the operator reads. Users decide how large the others are.

    The annotations are those that the operator knows. A spec that is too large is replaced by its problems, a malformed
    status by an empty one.
    """
    metadata = {k: v for k, v in body["metadata"].items() if k not in _UNUSED_METADATA}
    annotations = body["metadata"].get("annotations") or {}
    kept = {k: annotations[k] for k in RECONCILED if k in annotations and len(annotations[k]) <= MAX_ANNOTATION_READ}
    if kept:
        metadata["annotations"] = kept
    trimmed = {**body, "metadata": metadata}
    if problems := size_problems(body.get("spec")):
        trimmed["spec"] = OversizedSpec(problems)
    status = body.get("status")
    return {**trimmed, "status": status if _is_well_formed(status) else {}}


def _is_well_formed(status: Any) -> bool:
    """Whether a status has the shape that the operator writes; old schemas accepted anything."""
    conditions = status.get("conditions") if isinstance(status, dict) else None
    return isinstance(conditions, list) and all(isinstance(each, dict) for each in conditions)


def _targets(body: Obj) -> list[Any]:
    """Target namespaces as written in a spec that may not be valid."""
    spec = body.get("spec")
    targets = spec.get("targetNamespaces") if isinstance(spec, dict) else None
    return targets if isinstance(targets, list) else []


def _desired_state(body: Obj) -> tuple[Any, ...]:
    """What other clients may change: all but the status and the operator's finalizer."""
    trimmed = _trim(body)
    metadata = {k: v for k, v in trimmed["metadata"].items() if k not in _VOLATILE_METADATA}
    metadata["finalizers"] = [f for f in metadata.get("finalizers") or () if f != constants.FINALIZER]
    return metadata, trimmed.get("spec")
