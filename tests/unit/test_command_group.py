"""Commands end with one sentence if they are interrupted, or if their output cannot be encoded or written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click
import pytest
from click.testing import CliRunner, Result

from cryostat_operator.command_group import Commands
from tests.command import PROGRAM
from tests.unit.command_line import CRYOSTAT

VALUES_OR_CRYOSTAT = {"render": CRYOSTAT, "convert-values": "reports: {replicas: 1}", "--help": ""}


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [["render", "-"], ["convert-values", "-"], ["--help"]], ids=lambda each: each[0])
def test_a_full_disk_is_reported(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            input=VALUES_OR_CRYOSTAT[arguments[0]],
        )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "Error: The output cannot be written: No space left on device.",
    )


def test_characters_that_the_encoding_lacks_are_replaced() -> None:
    code = "from cryostat_operator.cli import main; import click; main.add_command(click.Command('x', callback="
    code += "lambda: click.echo('\\u2713 ready'))); main(['x'])"
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "? ready\n"), done.stderr


def failing(error: BaseException) -> Result:
    """The result of a command that raises an error."""

    def fail() -> NoReturn:
        raise error

    group = Commands("group", commands=[click.Command("fail", callback=fail)])
    return CliRunner().invoke(group, ["fail"])


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()], ids=["Ctrl-C", "Ctrl-C at a prompt"])
def test_an_interrupted_command_has_an_exit_status_of_its_own(error: BaseException) -> None:
    """The status 1 of `diff` means that there are differences."""
    result = failing(error)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "\nError: The command was interrupted and did not finish.\n"


@pytest.mark.parametrize(
    "error",
    [OSError(errno.EACCES, "Permission denied"), OSError(errno.ENOSPC, "No space left on device", "/tmp/file")],
    ids=["another error", "of a file"],
)
def test_other_failures_are_not_taken_for_those_of_the_output(error: OSError) -> None:
    assert failing(error).exception is error
