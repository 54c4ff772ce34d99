"""Reviews of large objects leave time for everything else."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from cryostat_operator.webhooks.large_reviews import MAX_SMALL, LargeReviews

LARGE = {"x": list(range(MAX_SMALL))}
SMALL: dict[str, Any] = {"x": list(range(MAX_SMALL - 1))}


def compute(seconds: float) -> None:
    """Block all other tasks for some time."""
    time.sleep(seconds)


async def test_reviews_of_large_objects_take_at_most_half_of_the_time() -> None:
    reviews, order = LargeReviews(), []

    async def review(name: str) -> None:
        async with reviews.turn(name[0], SMALL, LARGE):
            order.append(name)
            compute(0.02)

    started = time.perf_counter()
    await asyncio.gather(*(review(name) for name in ("a1", "a2", "a3", "b1")))
    assert time.perf_counter() - started > (4 + 3) * 0.02
    assert order == ["a1", "a2", "b1", "a3"]


async def test_a_failed_review_leaves_time_too() -> None:
    reviews, started = LargeReviews(), time.perf_counter()
    try:
        async with reviews.turn("a", LARGE):
            compute(0.02)
            raise ValueError
    except ValueError:
        async with reviews.turn("a", LARGE):
            assert time.perf_counter() - started > 2 * 0.02


async def test_time_for_other_tasks_does_not_delay_a_response() -> None:
    reviews = LargeReviews()
    events: list[str] = []
    asyncio.get_running_loop().call_soon(events.append, "something else")
    async with reviews.turn("a", LARGE):
        compute(0.02)
    assert events == []
    async with reviews.turn("a", LARGE):
        assert events == ["something else"]


async def test_small_objects_do_not_wait() -> None:
    reviews = LargeReviews()
    async with reviews.turn("a", LARGE), asyncio.timeout(60), reviews.turn("a", SMALL, {}):
        pass
