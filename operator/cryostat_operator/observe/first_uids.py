"""The UIDs that target namespaces had when the operator first observed them as such for a Cryostat.

The status records them at the end of the first reconcile. A user can delay that, for example by changing the Cryostat
repeatedly, and meanwhile a namespace can be deleted and created again by another owner.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..plan.model.kinds import InstanceKey
from .namespaces import NamespaceStore


class FirstUids:
    """Keeps the first UID of each target namespace of each Cryostat in memory.

    Args:
        namespaces: the existing namespaces.
    """

    def __init__(self, namespaces: NamespaceStore) -> None:
        self._namespaces = namespaces
        self._found: dict[InstanceKey, tuple[str, dict[str, str]]] = {}  # UID of the Cryostat, UIDs by namespace

    def update(self, instance_key: InstanceKey, uid: str, targets: Iterable[str]) -> None:
        """Add the UIDs of new target namespaces that exist, and remove those of former ones.

        Args:
            uid: UID of the Cryostat. A Cryostat with another UID is a new one.
            targets: its target namespaces.
        """
        targets = list(targets)
        before = self.of(instance_key, uid)
        now = {name: state.uid for name, state in self._namespaces.snapshot(targets).items() if state.uid}
        first = now | {name: before[name] for name in targets if name in before}
        self._found[instance_key] = uid, first

    def namespace_changed(self, instance_key: InstanceKey, name: str) -> None:
        """Add the UID of a target namespace that exists now and was not known before.

        Without it, a replica that knows the Cryostat before the namespaces would have no UIDs until it is leader.
        """
        _, found = self._found.get(instance_key, ("", {}))
        state = self._namespaces.snapshot([name]).get(name)
        if state and state.uid and instance_key in self._found:
            found.setdefault(name, state.uid)

    def of(self, instance_key: InstanceKey, uid: str) -> Mapping[str, str]:
        """Return the UIDs by name of the namespace; empty for a Cryostat with another UID."""
        known_uid, found = self._found.get(instance_key, ("", {}))
        return found if known_uid == uid else {}

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget a Cryostat that no longer exists."""
        self._found.pop(instance_key, None)
