"""A measured process saves its coverage before a test kills it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import measure_coverage

ROOT = Path(__file__).parents[1]
PROGRAM = "import time\nprint('started', flush=True)\ntime.sleep(60)\n"


def test_a_killed_process_leaves_its_data(tmp_path: Path) -> None:
    pytest.importorskip("coverage")
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "settings").write_text(f"[run]\nplugins = {measure_coverage.PLUGIN}\n")
    command = [sys.executable, "-m", "coverage", "run", "--rcfile=settings", "--data-file=data", "program.py"]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("COVERAGE_")}
    environment = {**kept, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        process.send_signal(measure_coverage.SIGNAL)
        assert process.wait(60) == -signal.SIGKILL
    shown = subprocess.run(
        [sys.executable, "-m", "coverage", "report", "--rcfile=settings", "--data-file=data"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "program.py" in shown
