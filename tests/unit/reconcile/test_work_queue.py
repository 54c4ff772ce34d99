"""The work queue: one reconcile at a time per key, merged triggers, retries of failures."""

from __future__ import annotations

import asyncio

import pytest

from cryostat_operator.reconcile.work_queue import MAX_CONCURRENT_RECONCILES, Result, WorkQueue


class Work:
    """Counts reconciles, and those that run at once."""

    def __init__(self, *results: Result) -> None:
        self.results = list(results)
        self.runs: list[str] = []
        self.at_once = 0
        self._running = 0

    async def __call__(self, key: str) -> Result:
        self._running += 1
        self.at_once = max(self.at_once, self._running)
        await asyncio.sleep(0.01)
        self._running -= 1
        self.runs.append(key)
        return self.results.pop(0) if self.results else Result()


async def until(condition: object, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.01)


async def test_keys_enqueued_before_opening_wait_and_merge() -> None:
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


async def test_triggers_during_a_reconcile_cause_exactly_one_more() -> None:
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


async def test_a_failed_key_is_retried_without_an_event() -> None:
    work = Work(Result(failed=True), Result(failed=True))
    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue("a")
    await until(lambda: len(work.runs) == 3)


async def test_an_exception_is_a_failure_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []

    async def work(key: str) -> Result:
        calls.append(key)
        if len(calls) == 1:
            raise RuntimeError("once")
        return Result()

    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue("a")
    await until(lambda: len(calls) == 2)
    assert caplog.messages == ["Reconcile of a failed"]


async def test_a_key_that_never_succeeds_is_retried_without_limit() -> None:
    queue: WorkQueue[str] = WorkQueue(Work())
    delays = []
    for _ in range(2000):
        delays.append(queue._backoff("a"))
        queue._failures["a"] = queue._failures["a"][0], 0.0  # its time has passed
    assert delays[0] < 1 < delays[-1] <= 30 * 1.2


async def test_an_event_in_between_does_not_delay_the_retry() -> None:
    queue: WorkQueue[str] = WorkQueue(Work())
    first = queue._backoff("a")
    assert [queue._backoff("a") <= first for _ in range(20)] == [True] * 20


async def test_one_slow_key_delays_no_other() -> None:
    done: list[str] = []
    release = asyncio.Event()

    async def work(key: str) -> Result:
        if key == "slow":
            await release.wait()
        done.append(key)
        return Result()

    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue("slow")
    queue.enqueue("quick")
    await until(lambda: done == ["quick"])
    release.set()
    await until(lambda: done == ["quick", "slow"])


async def test_many_keys_of_one_group_delay_no_other_group() -> None:
    work = Work()
    queue: WorkQueue[str] = WorkQueue(work, lambda key: key[0])
    queue.open()
    for number in range(10 * MAX_CONCURRENT_RECONCILES):
        queue.enqueue(f"a{number}")
    queue.enqueue("b")
    await until(lambda: "b" in work.runs)
    assert work.runs.index("b") < 3 * MAX_CONCURRENT_RECONCILES
    assert work.at_once == MAX_CONCURRENT_RECONCILES


async def test_a_delayed_key_merges_with_an_immediate_one() -> None:
    work = Work()
    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue_after("a", 0.4)
    queue.enqueue_after("b", 0.2)
    queue.enqueue("a")
    await until(lambda: len(work.runs) == 2)
    await asyncio.sleep(0.4)
    assert work.runs == ["a", "b"]


async def test_no_state_is_kept_of_an_idle_key() -> None:
    work = Work()
    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue("a")
    await until(lambda: work.runs == ["a"])
    await until(lambda: (queue.depth, queue._last_end, queue._failures) == (0, {}, {}))


async def test_the_queue_can_be_closed_and_opened_again_at_any_moment() -> None:
    """The queue is closed before a reconcile, at its start or during it. The key can be enqueued again."""
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


async def test_a_key_is_reconciled_again_after_the_time_that_the_result_names() -> None:
    work = Work(Result(requeue_after=0.3))
    queue: WorkQueue[str] = WorkQueue(work)
    queue.open()
    queue.enqueue("a")
    queue.enqueue_after("b", 0.15)
    await until(lambda: len(work.runs) == 3)
    await asyncio.sleep(0.4)
    assert work.runs == ["a", "b", "a"]
    assert queue.depth == 0


async def test_the_depth_leaves_out_keys_that_are_due_later() -> None:
    queue: WorkQueue[str] = WorkQueue(Work())
    queue.open()
    queue.enqueue_after("renewal", 60.0)
    assert queue.depth == 0
    queue.enqueue_after("retry", 5.0)
    assert queue.depth == 1
    queue.close()
