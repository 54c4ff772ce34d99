"""Only few failures of tests with real programs are tried a second time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.second_attempt import FOLDERS, to_repeat

CLUSTER = "tests/cluster/test_tls.py::test_a"
NODE = "tests/node/test_agents.py::test_b[a b]"
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
    root = Path(__file__).parents[1]
    assert all((root / folder).is_dir() for folder in FOLDERS)
