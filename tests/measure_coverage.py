"""A coverage plugin that keeps the measurements of operators that tests kill.

Tests end operators with SIGKILL, after which nothing can be saved. Where coverage is measured, they send SIGUSR1 first:
the process saves what it measured, and then kills itself.
"""

from __future__ import annotations

import os
import signal
from typing import Any

import coverage
from coverage.plugin_support import Plugins

SIGNAL = signal.SIGUSR1
PLUGIN = "tests.measure_coverage"


def coverage_init(_plugins: Plugins, _options: dict[str, Any]) -> None:
    """Called by coverage when a measured process starts."""
    signal.signal(SIGNAL, _save_and_end)


def is_measured() -> bool:
    """Whether this process, and with it every Python process that it starts, is measured."""
    return coverage.Coverage.current() is not None


def _save_and_end(_signal: int, _frame: object) -> None:
    if measured := coverage.Coverage.current():
        measured.stop()
        measured.save()
    os.kill(os.getpid(), signal.SIGKILL)
