"""The changes to write before a Cryostat is deleted. Garbage collection deletes the other objects."""

from __future__ import annotations

from collections.abc import Mapping

from .. import retention
from ..model.kinds import InstanceKey, Key, Obj
from .plan_diff import Change
from .pruning import is_prunable


def teardown(
    instance_key: InstanceKey,
    live: Mapping[Key, Obj],
    annotations: Mapping[str, str] | None = None,
    *,
    orphaned: bool = False,
) -> list[Change]:
    """Return the changes that precede the deletion of a Cryostat.

    Objects without an owner reference are deleted. They have names that only one Cryostat can have. If the annotations
    request to retain data, volumes and their key Secrets lose their owner reference.

    Args:
        instance_key: the Cryostat.
        live: objects with the ownership labels of the Cryostat.
        annotations: of the Cryostat.
        orphaned: whether the objects in the namespace of the Cryostat stay (`kubectl delete --cascade=orphan`).
    """
    deletions = [each for each in _deletions(live) if not (orphaned and each.key.namespace == instance_key.namespace)]
    return [*deletions, *(_releases(instance_key, live) if retention.is_requested(annotations) else ())]


def _deletions(live: Mapping[Key, Obj]) -> list[Change]:
    return [
        Change("delete", key, uid=obj["metadata"]["uid"]) for key, obj in live.items() if is_prunable(key, obj, uid="")
    ]


def _releases(instance_key: InstanceKey, live: Mapping[Key, Obj]) -> list[Change]:
    data = {
        k: obj
        for k, obj in live.items()
        if retention.holds_data(k, instance_key.name) and not retention.is_released(obj)
    }
    return [Change("replace", k, retention.release(obj)) for k, obj in data.items()]
