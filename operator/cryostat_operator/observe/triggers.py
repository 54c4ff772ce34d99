"""The functions by which informers add instances to the work queue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..plan.model.kinds import InstanceKey

Enqueue = Callable[[InstanceKey], None]
EnqueueAfter = Callable[[InstanceKey, float], None]

ROLLOUT_DELAY = 0.3  # seconds; during a rollout, the status changes many times
MINOR_STATUS_DELAY = 2.0  # seconds; for changes that at most alter the text of a condition


@dataclass(frozen=True)
class Triggers:
    """Adds instances to the work queue when the observed state changes.

    Attributes:
        enqueue: one instance, at once.
        enqueue_after: one instance, after this many seconds, because more changes are likely to follow.
        enqueue_all: every instance.
        enqueue_namespace: every instance in this namespace, and those that have it as a target namespace.
    """

    enqueue: Enqueue
    enqueue_after: EnqueueAfter
    enqueue_all: Callable[[], None]
    enqueue_namespace: Callable[[str], None]
