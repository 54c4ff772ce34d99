"""Whose an object is: this Cryostat's, an earlier one's of the same name, or somebody else's."""

from __future__ import annotations

from typing import Literal

from ..desired import names
from ..desired.compare import has_own_name
from ..desired.plan import Key, Obj
from .record import Owner, Record, controller_of, is_our_work, owner_of

Standing = Literal["ours", "leaving", "foreign"]


def standing(record: Record, owner: Owner, uid: str) -> Standing:
    """What an object with the mark of a Cryostat is to the one that has this UID now.

    One that an earlier Cryostat of that name controls is being garbage-collected: to adopt some of its objects while
    others already went would join a volume with the wrong keys, so all of them are waited for.
    """
    if record.controller is None or record.controller[0] == uid:
        return "ours"
    return "leaving" if record.controller[1] == owner.name else "foreign"


def belongs_to(live: Obj, key: Key, owner: Owner) -> bool:
    """Whether an object was made for this Cryostat, by us or by the Go operator.

    The owner reference tells more than labels, which people edit. Objects that no owner reference can reach have names
    that only one Cryostat has; that will do where the Go operator sets no labels (cluster scope), elsewhere it takes
    the API server's word that one of the two operators wrote them.
    """
    controller = controller_of(live) if key.namespace == owner.namespace else None
    if controller is not None:
        return controller[1] == owner.name
    mark = {names.LABEL_NAME: owner.name, names.LABEL_NAMESPACE: owner.namespace}
    named = has_own_name(key, {"metadata": {"labels": mark}})
    return owner_of(live) == owner or (named and (not key.namespace or _is_our_work(live)))


def has_lost_its_mark(live: Obj, key: Key, owner: Owner) -> bool:
    """Whether we made an object, which bears a name of this Cryostat's, and somebody took mark and owner off it."""
    stripped = owner_of(live) is None and not live["metadata"].get("ownerReferences")
    return stripped and key.namespace == owner.namespace and _is_our_work(live)


def _is_our_work(obj: Obj) -> bool:
    return any(is_our_work(entry) for entry in obj["metadata"].get("managedFields") or ())
