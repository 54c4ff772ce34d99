"""The keyed queue: one run at a time per key, triggers merge, failures come back."""

from __future__ import annotations

import asyncio

from cryostat_operator.reconcile.work_queue import RETRY, WorkQueue


class Work:
    """Counts runs, and how many of one key there were at a time."""

    def __init__(self, *answers: float | None) -> None:
        self.answers = list(answers)
        self.runs: list[str] = []
        self.at_once = 0
        self._running = 0

    async def __call__(self, key: str) -> float | None:
        self._running += 1
        self.at_once = max(self.at_once, self._running)
        await asyncio.sleep(0.01)
        self._running -= 1
        self.runs.append(key)
        return self.answers.pop(0) if self.answers else None


async def until(condition: object, seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_what_was_rung_before_opening_waits_and_merges() -> None:
    work = Work()
    queue: WorkQueue[str] = WorkQueue(work)
    queue.enqueue("a")
    queue.enqueue("a")
    await asyncio.sleep(0.02)
    assert work.runs == []
    queue.open()
    await until(lambda: work.runs == ["a"])
    await asyncio.sleep(0.2)
    assert work.runs == ["a"]


async def test_rings_during_a_run_cause_exactly_one_more() -> None:
    work = Work()
    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue("a")
    await asyncio.sleep(0.005)
    for _ in range(5):
        queue.enqueue("a")
    await until(lambda: len(work.runs) == 2)
    await asyncio.sleep(0.25)
    assert (work.runs, work.at_once) == (["a", "a"], 1)


async def test_a_key_that_failed_comes_back_without_being_rung() -> None:
    work = Work(RETRY, RETRY, None)
    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue("a")
    await until(lambda: len(work.runs) == 3)


async def test_an_exception_is_a_failure_like_any_other() -> None:
    calls: list[str] = []

    async def work(key: str) -> float | None:
        calls.append(key)
        if len(calls) == 1:
            raise RuntimeError("once")
        return None

    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue("a")
    await until(lambda: len(calls) == 2)


async def test_a_key_that_never_succeeds_is_tried_for_ever() -> None:
    queue: WorkQueue[str] = WorkQueue(Work())
    delays = []
    for _ in range(2000):
        delays.append(queue._back_off("a"))
        queue._failures["a"] = queue._failures["a"][0], 0.0  # the time has passed
    assert delays[0] < 1 < delays[-1] <= 300 * 1.2


async def test_a_ring_in_between_puts_off_no_retry() -> None:
    queue: WorkQueue[str] = WorkQueue(Work())
    first = queue._back_off("a")
    assert [queue._back_off("a") <= first for _ in range(20)] == [True] * 20


async def test_one_slow_key_delays_no_other() -> None:
    done: list[str] = []
    release = asyncio.Event()

    async def work(key: str) -> float | None:
        if key == "slow":
            await release.wait()
        done.append(key)
        return None

    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue("slow")
    queue.enqueue("quick")
    await until(lambda: done == ["quick"])
    release.set()
    await until(lambda: done == ["quick", "slow"])


async def test_what_is_not_urgent_merges_with_what_is() -> None:
    work = Work()
    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue_after("a", 0.3)
    queue.enqueue("a")
    await until(lambda: work.runs == ["a"], 0.25)
    await asyncio.sleep(0.4)
    assert work.runs == ["a"]


async def test_nothing_is_remembered_of_a_quiet_key() -> None:
    queue: WorkQueue[str] = WorkQueue(Work())
    queue.open()
    queue.enqueue("a")
    await asyncio.sleep(0.4)
    assert (queue.depth, queue._last_end, queue._failures) == (0, {}, {})


async def test_it_may_be_closed_and_opened_again_at_any_moment() -> None:
    """Before a run, in the moment in which it begins, and during it: nothing goes on, and everything can begin anew."""
    for moments in range(4):
        work = Work()
        queue: WorkQueue[str] = WorkQueue(work)
        queue.open()
        queue.enqueue("a")
        for _ in range(moments):
            await asyncio.sleep(0)
        queue.close()
        await asyncio.sleep(0.2)
        assert (work.runs, queue.depth) == ([], 0), moments
        queue.open()
        queue.enqueue("a")
        await until(lambda work=work: work.runs == ["a"])
