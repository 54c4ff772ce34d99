"""Keeps the loop from writing in vain: what changes nothing is not repeated, and nobody is fought at full speed."""

from __future__ import annotations

import hashlib
import math
import time
from collections import defaultdict
from collections.abc import Callable

import orjson

from ..plan.diff.comparison import differences
from ..plan.diff.plan_diff import Change
from ..plan.model.kinds import InstanceKey, Key, Obj
from .applier import Refusal

_BURST = 20  # changes of one object that go through at once: people undo and redo things
_REFILL = 5.0  # seconds until one more may
# Seconds for which a refused write is not repeated, whatever rings: at first, and at most. Runs that are due to the
# refusal alone come later and later by themselves.
_FIRST_PAUSE = 0.15
_LONGEST_PAUSE = 5.0
_VOLATILE = frozenset({"resourceVersion", "generation", "managedFields"})


class WriteLimiter:
    """Remembers, per object, writes that the cluster did not take over, and how many there were lately.

    An admission policy may put back what we take away, another controller may insist on its view, or delete what we
    make.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._vain: dict[InstanceKey, dict[Key, tuple[bytes, bytes]]] = defaultdict(dict)
        self._tokens: dict[InstanceKey, dict[Key, tuple[float, float]]] = defaultdict(dict)
        self._refused: dict[InstanceKey, dict[Key, tuple[bytes, int, float, Refusal]]] = defaultdict(dict)

    def wait(self, owner: InstanceKey, action: Change, live: Obj | None) -> float:
        """Seconds to wait before this write makes sense; infinite where it was found to change nothing."""
        vain = self._vain[owner].get(action.key)
        if vain and action.verb == "replace" and vain == (_digest(action.obj), _digest(live)):
            return math.inf
        return max(0.0, (1.0 - self._left(owner, action.key)) * _REFILL)

    def written(self, owner: InstanceKey, action: Change, answer: Obj | None) -> None:
        """That write went through, and this is what the API server made of it (None for Secrets and deletions)."""
        self._refused[owner].pop(action.key, None)
        self._tokens[owner][action.key] = self._left(owner, action.key) - 1.0, self._clock()
        self._vain[owner].pop(action.key, None)
        if action.obj and answer and differences(action.obj, answer):
            self._vain[owner][action.key] = _digest(action.obj), _digest(answer)

    def refused(self, owner: InstanceKey, action: Change, refusal: Refusal) -> None:
        """That write did not get through."""
        wish, count, _, _ = self._refused[owner].get(action.key, (b"", 0, 0.0, None))
        count = count + 1 if wish == _digest(action.obj) else 1
        self._refused[owner][action.key] = _digest(action.obj), count, self._clock(), refusal

    def still_refused(self, owner: InstanceKey, action: Change) -> Refusal | None:
        """The last answer to the same write, where it was only a moment ago."""
        known = self._refused[owner].get(action.key)
        if known is None or known[0] != _digest(action.obj):
            return None
        _, count, since, refusal = known
        pause = min(_FIRST_PAUSE * 2 ** min(count - 1, 10), _LONGEST_PAUSE)
        return refusal if self._clock() < since + pause else None

    def forget(self, owner: InstanceKey) -> None:
        """That Cryostat is gone."""
        self._vain.pop(owner, None)
        self._tokens.pop(owner, None)
        self._refused.pop(owner, None)

    def _left(self, owner: InstanceKey, key: Key) -> float:
        tokens, since = self._tokens[owner].get(key, (float(_BURST), 0.0))
        return min(float(_BURST), tokens + (self._clock() - since) / _REFILL)


def _digest(obj: Obj | None) -> bytes:
    """Of all that a write can settle: not of status and bookkeeping, which change by themselves."""
    if obj is None:
        return b""
    metadata = {k: v for k, v in obj["metadata"].items() if k not in _VOLATILE}
    content = {k: v for k, v in obj.items() if k not in ("status", "apiVersion")} | {"metadata": metadata}
    return hashlib.blake2b(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
