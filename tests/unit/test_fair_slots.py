"""Slots that are given to groups of waiting tasks in turn."""

from __future__ import annotations

import asyncio

from cryostat_operator.fair_slots import FairSlots


class Tasks:
    """Starts tasks that hold a slot until the test ends them."""

    def __init__(self, count: int) -> None:
        self.slots = FairSlots(count)
        self.holding: list[str] = []
        self.order: list[str] = []
        self._end: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self, *names: str) -> None:
        """Start tasks. The first letter of a name is the group, and a capital letter after it the subgroup."""
        for name in names:
            self._end[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._hold(name))
        await self.pass_on()

    async def end(self, name: str) -> None:
        self._end[name].set()
        await self.pass_on()

    async def pass_on(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def _hold(self, name: str) -> None:
        async with self.slots.slot(name[0], name[1] if name[1].isupper() else ""):
            self.order.append(name)
            self.holding.append(name)
            try:
                await self._end[name].wait()
            finally:
                self.holding.remove(name)


async def test_each_slot_has_at_most_one_task() -> None:
    tasks = Tasks(2)
    await tasks.start("a1", "b1", "c1", "a2")
    assert tasks.holding == ["a1", "b1"]
    await tasks.end("a1")
    assert tasks.holding == ["b1", "c1"]
    await tasks.end("b1")
    await tasks.end("c1")
    await tasks.end("a2")
    await tasks.start("d1", "d2", "d3")
    assert tasks.holding == ["d1", "d2"]


async def test_many_tasks_of_one_group_delay_no_other_group() -> None:
    tasks = Tasks(1)
    await tasks.start(*(f"a{number}" for number in range(100)), "b0", "b1", "c0")
    while len(tasks.order) < 8:
        await tasks.end(tasks.order[-1])
    assert tasks.order == ["a0", "a1", "b0", "c0", "a2", "b1", "a3", "a4"]


async def test_a_cancelled_task_keeps_no_slot() -> None:
    tasks = Tasks(1)
    await tasks.start("a1", "a2", "b1", "c1")
    tasks.tasks["a2"].cancel()  # while it waits
    await tasks.pass_on()
    tasks.tasks["a1"].cancel()  # while it holds the slot
    await tasks.pass_on()
    assert tasks.holding == ["b1"]
    tasks._end["b1"].set()
    await asyncio.sleep(0)
    tasks.tasks["c1"].cancel()  # after it was given the slot
    await tasks.pass_on()
    await tasks.start("d1")
    assert tasks.holding == ["d1"]


async def test_cancelled_tasks_do_not_use_a_turn_of_their_group() -> None:
    tasks = Tasks(1)
    await tasks.start("x1", "a1", "a2", "a3", "b1", "b2")
    tasks.tasks["a1"].cancel()
    tasks.tasks["a2"].cancel()
    await tasks.pass_on()
    await tasks.end("x1")
    assert tasks.holding == ["a3"]
    await tasks.end("a3")
    assert tasks.holding == ["b1"]


async def test_the_subgroups_of_a_group_take_turns() -> None:
    tasks = Tasks(1)
    await tasks.start(*(f"aX{number}" for number in range(100)), "aY0", "aY1", "b0", "b1", "aZ0")
    while len(tasks.order) < 9:
        await tasks.end(tasks.order[-1])
    assert tasks.order == ["aX0", "aX1", "b0", "aY0", "b1", "aZ0", "aX2", "aY1", "aX3"]
