"""Reads the passphrase of a backup."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from ..api.backup_schedule import PASSPHRASE_VARIABLE
from ..inspect.commands import fail

SHORTEST = 12  # characters


def read_passphrase(file: str | None, *, confirm: bool) -> bytes:
    """Return the passphrase without the line ending, from a file, the environment or a prompt.

    Without a usable one, the program ends with a message and exit status 2.

    Args:
        file: path of the file; None without one.
        confirm: whether it has to be typed twice.
    """
    if file:
        try:
            text = Path(file).read_text().rstrip("\r\n")
        except (OSError, ValueError) as error:
            fail(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}.")
    else:
        text = os.environ.get(PASSPHRASE_VARIABLE, "").rstrip("\r\n")
        text = text or _typed(confirm)
    if len(text) < SHORTEST:
        fail(f"The passphrase is too short: it needs {SHORTEST} characters or more.")
    return text.encode()


def _typed(confirm: bool) -> str:
    """The passphrase that the user types. Without a terminal, it is the first line of the standard input.

    Without either, as in a Job, this is an error.
    """
    if not _has_terminal():
        line = sys.stdin.readline().rstrip("\r\n")
        return line or fail(f"There is no passphrase. Set {PASSPHRASE_VARIABLE}, or use --passphrase-file.")
    try:
        text: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)
        fail(f"There is no passphrase. Set {PASSPHRASE_VARIABLE}, or use --passphrase-file.")
    return text


def _has_terminal() -> bool:
    """Whether a passphrase can be typed without being shown."""
    if sys.stdin.isatty():
        return True
    try:
        Path("/dev/tty").open("rb").close()
    except OSError:
        return False
    return True
