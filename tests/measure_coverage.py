"""A coverage plugin that keeps the measurements of operators that tests kill.

Tests kill operators with SIGKILL, so that the process cannot save its measurement. If coverage is measured, they send
SIGUSR1 before: the process saves its measurement and kills itself.
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
    """The running measurement, or None. The coverage package is imported only if there is one."""
    module = sys.modules.get("coverage")
    return module.Coverage.current() if module else None
