"""Decides which Cryostat an object belongs to: this one, a deleted one of the same name, or none."""

from __future__ import annotations

from typing import Literal

from ...api import constants
from ..model.kinds import InstanceKey, Key, Obj
from .managed_fields import is_written_by_operator
from .plan_diff import has_own_name

Ownership = Literal["owned", "terminating", "foreign"]


def ownership_of(controller: tuple[str, str] | None, key: InstanceKey, uid: str) -> Ownership:
    """How an object with the ownership labels of Cryostat `key` relates to the Cryostat that has this UID now.

    An object that a deleted Cryostat of the same name controls is `terminating`: it is being garbage-collected.
    Adopting it while related objects are already gone would combine a volume with the wrong keys.

    Args:
        controller: UID and name of the Cryostat that controls the object, see `controller_of`.
    """
    if controller is None or controller[0] == uid:
        return "owned"
    return "terminating" if controller[1] == key.name else "foreign"


def belongs_to(live: Obj, key: Key, instance: InstanceKey) -> bool:
    """Whether an object was made for this Cryostat, by us or by the Go operator.

    The owner reference tells more than labels, which people edit. Objects that no owner reference can reach have names
    that only one Cryostat has; that will do where the Go operator sets no labels (cluster scope), elsewhere it takes
    the API server's word that one of the two operators wrote them.
    """
    controller = controller_of(live) if key.namespace == instance.namespace else None
    if controller is not None:
        return controller[1] == instance.name
    labels = {constants.LABEL_NAME: instance.name, constants.LABEL_NAMESPACE: instance.namespace}
    has_name = has_own_name(key, {"metadata": {"labels": labels}})
    return instance_of(live) == instance or (has_name and (not key.namespace or _is_written_by_operator(live)))


def has_lost_labels(live: Obj, key: Key, instance: InstanceKey) -> bool:
    """Whether we made an object, which bears a name of this Cryostat's, and somebody took mark and owner off it."""
    stripped = instance_of(live) is None and not live["metadata"].get("ownerReferences")
    return stripped and key.namespace == instance.namespace and _is_written_by_operator(live)


def _is_written_by_operator(obj: Obj) -> bool:
    return any(is_written_by_operator(entry) for entry in obj["metadata"].get("managedFields") or ())


def instance_of(obj: Obj) -> InstanceKey | None:
    """The Cryostat that an object's mark names."""
    labels = obj["metadata"].get("labels") or {}
    if constants.LABEL_NAME in labels and constants.LABEL_NAMESPACE in labels:
        return InstanceKey(labels[constants.LABEL_NAMESPACE], labels[constants.LABEL_NAME])
    return None


def controller_of(obj: Obj) -> tuple[str, str] | None:
    """UID and name of the Cryostat that controls an object, if one does."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        group = str(reference.get("apiVersion", "")).partition("/")[0]
        if reference.get("controller") and reference.get("kind") == constants.KIND and group == constants.GROUP:
            return str(reference.get("uid", "")), str(reference.get("name", ""))
    return None
