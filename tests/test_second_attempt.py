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
    ".venv/bin/python": """case "$*" in
*second_attempt) [ -z "$REPEATED" ] || echo "$REPEATED" ;;
*console\\ --install)
  [ -e installed ] || exit 1
  [ -z "$CONSOLE" ] || { echo "$CONSOLE" >&2; exit 1; } ;;
esac""",
    ".venv/bin/pytest": """case "$*" in *--collect-only*) exit 0 ;; esac
if [ -e first ]; then exit "$SECOND"; fi
touch first
exit "$FIRST\"""",
    ".venv/bin/cryostat-operator": "",
    ".ci/programs": "touch installed",
    "path/make": 'exit "$LINT"',
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
    run = _whole_run(tmp_path, FIRST=str(first), REPEATED=repeated, SECOND=str(second))
    assert run.returncode == expected, run.stderr
    assert (CLUSTER in run.stdout) == (expected == 0 != first)


@pytest.mark.parametrize(
    ("failing", "part"),
    [({"LINT": "1"}, "style, types, layers"), ({"CONSOLE": "npm is not found"}, "console, bytecode of the tests")],
)
def test_no_test_runs_after_a_failed_part(tmp_path: Path, failing: dict[str, str], part: str) -> None:
    """Also not after a failure of the preparation, which runs beside other parts."""
    run = _whole_run(tmp_path, **failing)
    assert run.returncode != 0
    assert [line for line in run.stdout.splitlines() if line.startswith(part) and line.endswith("failed")]
    assert not (tmp_path / "first").exists()
    assert run.stderr.strip() == failing.get("CONSOLE", "")


def _whole_run(tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    for name, text in PROGRAMS.items():
        program = tmp_path / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    defaults = {"FIRST": "0", "REPEATED": "", "SECOND": "0", "LINT": "0", "CONSOLE": ""}
    path = f"{tmp_path}/path:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", ROOT / ".ci/test"],
        cwd=tmp_path, env={"PATH": path} | defaults | variables, check=False, capture_output=True, text=True,
    )  # fmt: skip
