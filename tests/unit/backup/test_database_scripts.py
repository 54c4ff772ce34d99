"""Output of the scripts. tests/programs/test_backup.py runs them."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from cryostat_operator.backup import database_scripts
from cryostat_operator.backup.database_scripts import Report, checks, read_report, shell


def test_the_output_of_a_script_is_parsed() -> None:
    text = 'backup: version 160004\nbackup: rows public.a 12\nbackup: rows public."b c" 0\nbackup: done\n'
    assert read_report(text) == Report(16, {"public.a": 12, 'public."b c"': 0}, True, "")


def test_errors_are_in_one_line() -> None:
    report = read_report("one\n\ntwo\n three \nfour\n")
    assert (report.done, report.errors) == (False, "two; three; four")


def test_numbers_that_are_not_numbers_are_errors() -> None:
    assert read_report("backup: version x\nbackup: rows a -").errors == "backup: version x; backup: rows a -"


def test_checks_name_each_table() -> None:
    text = checks({'public."b c"': 0, "public.a": 12}).decode()
    assert text.splitlines() == [
        'DO $check$ BEGIN ASSERT 0 = (SELECT count(*) FROM public."b c"), '
        "'a table has another number of rows than the backup'; END $check$;",
        "DO $check$ BEGIN ASSERT 12 = (SELECT count(*) FROM public.a), "
        "'a table has another number of rows than the backup'; END $check$;",
    ]


@pytest.mark.skipif(not shutil.which("sh"), reason="no shell")
@pytest.mark.parametrize("script", [database_scripts.DUMP, database_scripts.RESTORE, database_scripts.VERSION])
def test_scripts_can_be_parsed(script: str) -> None:
    command = shell(script, 1, 2)
    assert command[3:] == ["sh", "1", "2"]
    assert subprocess.run(["sh", "-n", "-c", script], capture_output=True).stderr == b""
