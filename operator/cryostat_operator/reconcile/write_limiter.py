"""Limits writes per object.

A write that changed nothing is not repeated until the object or the desired state changes. A refused write is repeated
after 0.15 to 5 seconds. All other writes of the object take from a token bucket of 20, which gains one token every 5
seconds.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import orjson

from ..plan.diff.comparison import differences
from ..plan.diff.plan_diff import Change
from ..plan.model.kinds import InstanceKey, Key, Obj
from ..plan.model.problems import Problem
from ..plan.model.reasons import Reason
from .outcomes import Outcome

BURST = 20  # writes of one object that are allowed at once: users undo and redo changes
REFILL_SECONDS = 5.0  # until one more write is allowed
MIN_PAUSE = 0.15  # seconds after the first refusal
MAX_PAUSE = 5.0  # seconds after many refusals of the same write
VOLATILE_METADATA = frozenset({"resourceVersion", "generation", "managedFields"})


@dataclass(frozen=True)
class _Refusal:
    """The last refusal of a write: hash of what was written, how often in a row it was refused, and when."""

    desired: bytes
    count: int
    at: float
    problem: Problem | None


@dataclass
class _Writes:
    """The last writes of one instance, by object."""

    no_ops: dict[Key, tuple[bytes, bytes]] = field(default_factory=dict)  # hashes: written, returned
    tokens: dict[Key, tuple[float, float]] = field(default_factory=dict)  # tokens left, and when that was
    refusals: dict[Key, _Refusal] = field(default_factory=dict)


class WriteLimiter:
    """Remembers, per object, refused writes, writes without effect, and how many writes there were lately.

    An admission policy may revert what the operator writes, and another controller may change or delete it each time.

    Args:
        clock: seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._instances: dict[InstanceKey, _Writes] = defaultdict(_Writes)

    def held(self, instance_key: InstanceKey, changes: Iterable[Change]) -> list[Outcome]:
        """Return outcomes of the changes that must not be written now."""
        writes = self._instances[instance_key]
        outcomes = (self._held(writes, change) for change in changes)
        return [outcome for outcome in outcomes if outcome]

    def record(self, instance_key: InstanceKey, outcomes: Iterable[Outcome]) -> list[Outcome]:
        """Remember the outcomes of writes.

        Returns:
            The same outcomes; those of writes that the cluster reverted at once are marked as no-op.
        """
        writes = self._instances[instance_key]
        # An object without an entry has a full bucket, so full ones are removed: it may never be written again.
        writes.tokens = {key: found for key, found in writes.tokens.items() if self._tokens_left(writes, key) < BURST}
        return [self._recorded(writes, outcome) for outcome in outcomes]

    def forget(self, instance_key: InstanceKey) -> None:
        """Forget a deleted instance."""
        self._instances.pop(instance_key, None)

    def reset(self) -> None:
        """Forget everything."""
        self._instances.clear()

    def _held(self, writes: _Writes, change: Change) -> Outcome | None:
        if change.verb == "replace" and writes.no_ops.get(change.key) == (_hash(change.obj), _hash(change.live)):
            return _no_op(change, change.live)
        refusal = writes.refusals.get(change.key)
        if refusal and refusal.desired == _hash(change.obj):
            pause = min(MIN_PAUSE * 2 ** min(refusal.count - 1, 10), MAX_PAUSE)
            if self._clock() < refusal.at + pause:
                return Outcome(change, "refused", refusal.problem, repeated=True)
        wait = (1.0 - self._tokens_left(writes, change.key)) * REFILL_SECONDS
        return Outcome(change, "deferred", retry_after=wait) if wait > 0 else None

    def _recorded(self, writes: _Writes, outcome: Outcome) -> Outcome:
        change, response = outcome.change, outcome.response
        if outcome.is_permanent_refusal:
            before = writes.refusals.get(change.key)
            desired = _hash(change.obj)
            count = before.count + 1 if before and before.desired == desired else 1
            writes.refusals[change.key] = _Refusal(desired, count, self._clock(), outcome.problem)
        if outcome.state != "applied":
            return outcome
        writes.refusals.pop(change.key, None)
        writes.no_ops.pop(change.key, None)
        writes.tokens[change.key] = self._tokens_left(writes, change.key) - 1.0, self._clock()
        if change.verb != "replace" or not change.obj or not response or not differences(change.obj, response):
            return outcome
        writes.no_ops[change.key] = _hash(change.obj), _hash(response)
        return replace(outcome, state="no-op", problem=_no_op(change, response).problem)

    def _tokens_left(self, writes: _Writes, key: Key) -> float:
        tokens, at = writes.tokens.get(key, (float(BURST), 0.0))
        return min(float(BURST), tokens + (self._clock() - at) / REFILL_SECONDS)


def _no_op(change: Change, live: Obj | None) -> Outcome:
    paths = ", ".join(differences(change.obj, live)) if change.obj and live else ""
    message = (
        f"{change.key} was modified during admission, for example by a mutating policy: {paths}. The operator accepts "
        "the result. To prevent this, exempt the object in the policy."
    )
    return Outcome(change, "no-op", Problem(change.component, Reason.CHANGED_BY_OTHERS, message))


def _hash(obj: Obj | None) -> bytes:
    """A hash of what a write can change: everything but the status and the metadata that the API server sets."""
    if obj is None:
        return b""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in VOLATILE_METADATA}
    content = {k: v for k, v in obj.items() if k not in ("status", "apiVersion")} | {"metadata": metadata}
    return hashlib.blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
