"""What a build has started and written ends with its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import watched
from tests.cluster.api import eventually

ROOT = Path(__file__).parents[3]
# In the background of a script, a process starts with SIGINT ignored.
BUILD = """
import signal
from tests.cluster import watched
signal.signal(signal.SIGINT, signal.default_int_handler)
with watched.scratch_directory("build-", {parent!r}) as scratch:
    watched.run(["sh", "-c", "sleep 600 >$0 & wait", {pipe!r}], {{}})
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_build_that_is_ended_leaves_no_process_and_no_directory(tmp_path: Path, number: signal.Signals) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = BUILD.format(parent=str(tmp_path), pipe=str(pipe))
    build = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.DEVNULL)
    with pipe.open() as output:  # waits for `sleep`
        assert list(tmp_path.glob("build-*"))
        build.send_signal(number)
        build.wait(60)
        assert output.read() == ""  # waits until `sleep` has ended
    eventually(lambda: not list(tmp_path.glob("build-*")), what="the directory is removed")


def test_output_and_errors_are_one_text() -> None:
    done = watched.run(["sh", "-c", "echo out; echo error >&2; exit 3"], os.environ)
    assert (done.returncode, done.stdout) == (3, "out\nerror\n")
