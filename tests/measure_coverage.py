"""A coverage plugin that keeps the measurements of operators that tests kill.

Tests end operators with SIGKILL, after which nothing can be saved. Where coverage is measured, they send SIGUSR1 first:
the process saves what it measured, and then kills itself.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

SIGNAL = signal.SIGUSR1
PLUGIN = "tests.measure_coverage"


def coverage_init(_plugins: object, _options: dict[str, Any]) -> None:
    """Called by coverage when a measured process starts."""
    signal.signal(SIGNAL, _save_and_end)


def is_measured() -> bool:
    """Whether this process and the Python processes that it starts are measured."""
    return _current() is not None


def _save_and_end(_signal: int, _frame: object) -> None:
    if measured := _current():
        measured.stop()
        measured.save()
    os.kill(os.getpid(), signal.SIGKILL)


def _current() -> Any:
    """The running measurement, or None; without coverage there is none, so nothing is imported for it."""
    module = sys.modules.get("coverage")
    return module.Coverage.current() if module else None
