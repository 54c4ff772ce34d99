"""Ends `backup` and `restore` on SIGINT and SIGTERM only after they have cleaned up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from ..inspect.commands import fail
from .manifest import BackupError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def cancel_on_signals() -> Iterator[None]:
    """Cancel the current task on a signal, so that its clean-up runs. A second signal also ends the clean-up.

    Raises:
        BackupError: a signal was received.
    """
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    received: list[signal.Signals] = []

    def cancel(number: signal.Signals) -> None:
        received.append(number)
        if task:
            task.cancel()

    former = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        loop.add_signal_handler(number, cancel, number)
    try:
        yield
    except asyncio.CancelledError:
        if not received:
            raise
        raise BackupError(_message(received[0])) from None
    finally:
        for number, handler in former.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """End the program on SIGTERM as an error does, so that temporary files are removed."""

    def end(number: int, _: FrameType | None) -> NoReturn:
        fail(_message(signal.Signals(number)))

    former = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def _message(number: signal.Signals) -> str:
    return f"The command was interrupted by {number.name} and did not finish."
