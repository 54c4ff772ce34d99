"""Target namespaces that were deleted and created again: another owner may have created them.

Admission reviews the author's permission by the name of a namespace. The status records its UID, which authors cannot
write; until then, the first UID that the operator observed counts. A namespace with another UID counts as recreated
until the annotation of the Cryostat accepts its UID.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..api.accepted_namespaces import accepted_namespaces
from ..api.v1beta2 import Cryostat
from .model.snapshot import NamespaceState, Snapshot


def recreated(cryostat: Cryostat, targets: Iterable[str], snapshot: Snapshot) -> Iterator[str]:
    """Yield the target namespaces that exist with another UID than the recorded one and are not accepted."""
    recorded, accepted = _recorded(cryostat, snapshot), accepted_namespaces(cryostat.metadata)
    for target in targets:
        uid = _uid(snapshot.namespaces, target)
        if uid and recorded.get(target, uid) != uid and uid not in accepted:
            yield target


def records(cryostat: Cryostat, targets: Iterable[str], snapshot: Snapshot) -> list[dict[str, str]]:
    """Return the names and UIDs to record in the status.

    The first observation of a namespace is recorded, and each that is accepted later. The Cryostat's own namespace has
    no record: it cannot be created again without the Cryostat.
    """
    targets = [target for target in targets if target != cryostat.metadata["namespace"]]
    recorded, rejected = _recorded(cryostat, snapshot), set(recreated(cryostat, targets, snapshot))
    namespaces = snapshot.namespaces
    found = {
        target: recorded.get(target, "") if target in rejected else _uid(namespaces, target) or recorded.get(target, "")
        for target in targets
    }
    return [{"name": target, "uid": uid} for target, uid in found.items() if uid]


def _recorded(cryostat: Cryostat, snapshot: Snapshot) -> dict[str, str]:
    own = cryostat.metadata["namespace"]
    first = {name: uid for name, uid in snapshot.first_uids.items() if name != own}
    return first | {each.name: each.uid for each in cryostat.status.reviewed_namespaces or ()}


def _uid(namespaces: Mapping[str, NamespaceState], name: str) -> str:
    """The UID of a namespace, empty if it does not exist or its UID is unknown."""
    state = namespaces.get(name)
    return state.uid if state else ""
