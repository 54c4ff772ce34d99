"""What holds the loop back: writes that change nothing, that are refused, and too many of them."""

from __future__ import annotations

import math

from cryostat_operator.plan.diff.plan_diff import Change, Verb
from cryostat_operator.plan.model.kinds import InstanceKey, Key, Obj
from cryostat_operator.reconcile.applier import Refusal
from cryostat_operator.reconcile.write_limiter import WriteLimiter

OWNER, KEY = InstanceKey("here", "x"), Key("Service", "here", "x")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def action(verb: Verb = "replace", **spec: str) -> Change:
    obj: Obj = {"kind": "Service", "metadata": {"name": "x", "namespace": "here"}, "spec": spec}
    return Change(verb, KEY, None if verb == "delete" else obj)


def test_somebody_who_deletes_again_and_again_is_answered_less_and_less() -> None:
    clock = Clock()
    restraint = WriteLimiter(clock)
    answers = 0
    while restraint.wait(OWNER, action("create"), None) == 0:
        restraint.written(OWNER, action("create"), None)
        answers += 1
    assert answers == 20
    wait = restraint.wait(OWNER, action("create"), None)
    assert 0 < wait < math.inf
    clock.now += wait
    assert restraint.wait(OWNER, action("create"), None) == 0


def test_a_refused_creation_waits_ever_longer_until_something_else_is_wished() -> None:
    clock = Clock()
    restraint = WriteLimiter(clock)
    refusal = Refusal(KEY, "Forbidden", "no")
    pauses = []
    for _ in range(8):
        restraint.refused(OWNER, action("create"), refusal)
        before = clock.now
        while restraint.still_refused(OWNER, action("create")):
            clock.now += 0.05
        pauses.append(clock.now - before)
    assert pauses == sorted(pauses)
    assert pauses[-1] > 10 * pauses[0]
    restraint.refused(OWNER, action("create"), refusal)
    assert restraint.still_refused(OWNER, action("create", type="other")) is None


def test_a_write_that_changes_nothing_is_not_repeated() -> None:
    restraint = WriteLimiter(Clock())
    live = {"metadata": {"name": "x", "namespace": "here"}, "spec": {"type": "theirs"}, "kind": "Service"}
    restraint.written(OWNER, action(type="ours"), live)
    assert restraint.wait(OWNER, action(type="ours"), live) == math.inf
    assert restraint.wait(OWNER, action(type="another"), live) == 0
    assert restraint.wait(OWNER, action(type="ours"), live | {"spec": {"type": "changed"}}) == 0
