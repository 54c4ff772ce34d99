"""SIGINT and SIGTERM end a command after its clean-up."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from cryostat_operator.backup.interruption import cancel_on_signals, exit_on_sigterm
from cryostat_operator.backup.manifest import BackupError


async def interrupted(first: signal.Signals, steps: list[str], second: signal.Signals | None = None) -> None:
    with cancel_on_signals():
        try:
            os.kill(os.getpid(), first)
            await asyncio.Event().wait()
        finally:
            if second:
                os.kill(os.getpid(), second)
                await asyncio.Event().wait()
            async with asyncio.timeout(60):
                await asyncio.sleep(0)
            steps.append("cleaned up")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_clean_up_runs_after_a_signal(number: signal.Signals) -> None:
    former = signal.getsignal(number)
    steps: list[str] = []
    with pytest.raises(BackupError) as caught:
        await interrupted(number, steps)
    assert str(caught.value) == f"The command was interrupted by {number.name} and did not finish."
    assert steps == ["cleaned up"]
    assert signal.getsignal(number) is former


async def test_a_second_signal_ends_the_clean_up() -> None:
    steps: list[str] = []
    with pytest.raises(BackupError, match="SIGTERM"):
        await interrupted(signal.SIGTERM, steps, signal.SIGINT)
    assert steps == []


async def test_other_cancellations_are_kept() -> None:
    async def work() -> None:
        with cancel_on_signals():
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_sigterm_in_blocking_code_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    steps = []

    def work() -> None:
        with exit_on_sigterm():
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                steps.append("cleaned up")

    former = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as caught:
        work()
    assert (caught.value.code, steps) == (2, ["cleaned up"])
    assert capsys.readouterr().err == "Error: The command was interrupted by SIGTERM and did not finish.\n"
    assert signal.getsignal(signal.SIGTERM) == former
