"""Decides which Cryostat an object belongs to."""

from __future__ import annotations

from typing import Literal

from ...api import constants
from ..model import names
from ..model.kinds import InstanceKey, Key, Obj
from ..model.managed_fields import is_written_by_operator

Ownership = Literal["owned", "terminating", "foreign"]


def ownership_of(controller: tuple[str, str] | None, instance_key: InstanceKey, uid: str) -> Ownership:
    """Return how an object with the ownership labels of a Cryostat relates to the Cryostat that exists now.

    An object that a deleted Cryostat of the same name controls is `terminating`: it is being garbage-collected.
    Adopting it while related objects are already deleted would combine a volume with the wrong keys.

    Args:
        controller: UID and name of the Cryostat that controls the object, see `controller_of`.
        instance_key: the Cryostat that the labels name.
        uid: UID of the Cryostat that exists now.
    """
    if controller is None or controller[0] == uid:
        return "owned"
    return "terminating" if controller[1] == instance_key.name else "foreign"


def belongs_to(live: Obj, key: Key, instance_key: InstanceKey) -> bool:
    """Return whether an object was created for this Cryostat, by this operator or by the Go operator.

    An owner reference decides before labels, which users edit. Where an object has no owner reference and no labels,
    its name must be one that only this Cryostat has. In a namespace, one of the two operators must also have written
    it; the Go operator sets no labels on cluster-scoped objects.
    """
    controller = controller_of(live) if key.namespace == instance_key.namespace else None
    if controller is not None:
        return controller[1] == instance_key.name
    labels = {constants.LABEL_NAME: instance_key.name, constants.LABEL_NAMESPACE: instance_key.namespace}
    has_name = has_instance_name(key, {"metadata": {"labels": labels}})
    if instance_of(live) == instance_key or _is_copied(live, key, instance_key):
        return True
    return has_name and (not key.namespace or _is_written_by_operator(live))


def _is_copied(live: Obj, key: Key, instance_key: InstanceKey) -> bool:
    """Whether an object was copied from the namespace of another Cryostat of the same name.

    A tool that restores a backup into another namespace keeps the labels, which name the Cryostat of the former
    namespace. If this namespace is a target namespace of that Cryostat, it contains objects of it, too. Their names
    contain a hash, so an object without a hash in its name was copied.
    """
    owner = instance_of(live)
    if owner is None or owner.name != instance_key.name or key.namespace != instance_key.namespace:
        return False
    return owner.namespace != key.namespace and not has_instance_name(key, live)


def has_lost_labels(live: Obj, key: Key, instance_key: InstanceKey) -> bool:
    """Return whether the operator wrote an object, and another client removed its labels and owner references.

    Args:
        live: an object with the name of an object of this Cryostat.
    """
    stripped = instance_of(live) is None and not live["metadata"].get("ownerReferences")
    return stripped and key.namespace == instance_key.namespace and _is_written_by_operator(live)


def instance_of(obj: Obj) -> InstanceKey | None:
    """Return the Cryostat that the ownership labels of an object name; None if it does not have both.

    Empty labels name none. Anyone can set them, and the URL path without a name is that of all Cryostats.
    """
    labels = obj["metadata"].get("labels") or {}
    namespace, name = labels.get(constants.LABEL_NAMESPACE), labels.get(constants.LABEL_NAME)
    return InstanceKey(namespace, name) if namespace and name else None


def controller_of(obj: Obj) -> tuple[str, str] | None:
    """Return UID and name of the Cryostat that controls an object; None if no Cryostat does."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        group = str(reference.get("apiVersion", "")).partition("/")[0]
        if reference.get("controller") and reference.get("kind") == constants.KIND and group == constants.GROUP:
            return str(reference.get("uid", "")), str(reference.get("name", ""))
    return None


def has_instance_name(key: Key, live: Obj) -> bool:
    """Return whether an object has a name that contains a hash of its Cryostat. It needs no owner reference then."""
    labels = live["metadata"].get("labels") or {}
    name, namespace = labels.get(constants.LABEL_NAME, ""), labels.get(constants.LABEL_NAMESPACE, "")
    return key.name in {
        names.instance_hash_name(namespace, name),
        names.ca_secret(namespace, name),
        names.agent_callback_service(namespace, name),
        names.agent_certificate(namespace, name, key.namespace),
    }


def _is_written_by_operator(obj: Obj) -> bool:
    return any(is_written_by_operator(entry) for entry in obj["metadata"].get("managedFields") or ())
