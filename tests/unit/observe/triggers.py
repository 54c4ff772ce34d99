"""Records the enqueued instances."""

from __future__ import annotations

from cryostat_operator.observe.triggers import Triggers
from cryostat_operator.plan.model.kinds import InstanceKey


class RecordedTriggers:
    def __init__(self) -> None:
        self.now: list[InstanceKey] = []
        self.later: list[tuple[InstanceKey, float]] = []
        self.all = 0
        self.namespaces: list[str] = []

    @property
    def triggers(self) -> Triggers:
        return Triggers(self.now.append, self._after, self._all, self.namespaces.append)

    def _after(self, instance_key: InstanceKey, seconds: float) -> None:
        self.later.append((instance_key, seconds))

    def _all(self) -> None:
        self.all += 1

    def clear(self) -> None:
        self.now.clear()
        self.later.clear()
        self.namespaces.clear()
        self.all = 0
