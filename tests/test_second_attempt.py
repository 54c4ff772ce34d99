"""Only few failures of tests with real programs are tried a second time, and all others make the run fail."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.conftest import PERMISSIONS_DIFFER
from tests.second_attempt import FOLDERS, to_repeat

CLUSTER = "tests/cluster/test_tls.py::test_a"
NODE = "tests/node/test_agents.py::test_b[a b]"
ROOT = Path(__file__).parents[1]
UNIT = "tests/unit/test_cli.py::test_c"


@pytest.mark.parametrize(
    ("failed", "expected"),
    [
        ([], []),
        ([NODE, CLUSTER], [CLUSTER, NODE]),
        ([CLUSTER, UNIT], []),
        ([UNIT], []),
        (["tests/cluster/test_tls.py"], []),  # the file cannot be imported
        ([f"{CLUSTER}{number}" for number in range(4)], []),
    ],
)
def test_what_is_repeated(tmp_path: Path, failed: list[str], expected: list[str]) -> None:
    record = tmp_path / "lastfailed"
    record.write_text(json.dumps(dict.fromkeys(failed, True)))
    assert to_repeat(record) == expected


def test_nothing_is_repeated_without_a_record(tmp_path: Path) -> None:
    assert to_repeat(tmp_path / "lastfailed") == []


def test_the_folders_exist() -> None:
    assert all((ROOT / folder).is_dir() for folder in FOLDERS)


# The programs that `.ci/test` calls. The first run of pytest has the status FIRST, the second SECOND.
PROGRAMS = {
    ".venv/bin/python": 'case "$*" in *second_attempt) [ -z "$REPEATED" ] || echo "$REPEATED" ;; esac',
    ".venv/bin/pytest": 'if [ -e first ]; then exit "$SECOND"; fi; touch first; exit "$FIRST"',
    ".venv/bin/cryostat-operator": "",
    ".ci/programs": "",
    "path/make": "",
}


@pytest.mark.parametrize(
    ("first", "repeated", "second", "expected"),
    [
        (0, "", 0, 0),
        (1, "", 0, 1),
        (1, CLUSTER, 0, 0),
        (1, CLUSTER, 1, 1),
        (2, CLUSTER, 0, 2),
        (PERMISSIONS_DIFFER, CLUSTER, 0, PERMISSIONS_DIFFER),
    ],
)
def test_the_status_of_a_whole_run(tmp_path: Path, first: int, repeated: str, second: int, expected: int) -> None:
    for name, text in PROGRAMS.items():
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    variables = {"PATH": f"{tmp_path}/path:{os.environ['PATH']}", "REPEATED": repeated}
    statuses = {"FIRST": str(first), "SECOND": str(second)}
    run = subprocess.run(
        ["bash", ROOT / ".ci/test"], cwd=tmp_path, env=variables | statuses, check=False, capture_output=True, text=True
    )
    assert run.returncode == expected, run.stderr
    assert (CLUSTER in run.stdout) == (expected == 0 != first)
