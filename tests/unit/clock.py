"""A clock in place of `time.monotonic` or `time.time`."""

from __future__ import annotations


class Clock:
    """A clock that tests set.

    Attributes:
        now: its time in seconds.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
