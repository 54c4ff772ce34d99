"""Programs and directories of a build. They end with this process, also if it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.cluster.processes import remove_directory, watchdog

# Starts a program when a line arrives: not before the watchdog knows it, and not if this process ends before that.
_WHEN_WATCHED = ("sh", "-c", 'read -r _ && exec "$@" </dev/null', "watched")


@contextmanager
def scratch_directory(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """A new directory, which is removed at the end of the block."""
    path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    watchdog.send("remove", path)
    try:
        yield path
    finally:
        remove_directory(path)


def run(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a program until it ends. Its output and errors are one text."""
    process = subprocess.Popen(
        [*_WHEN_WATCHED, *command], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        watchdog.send("kill", process.pid)
        output, _ = process.communicate("\n")
    except BaseException:  # Ctrl-C does not reach another session
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        watchdog.send("spare", process.pid)
    return subprocess.CompletedProcess(command, process.returncode, output)
