"""The group of all commands: what happens if one is interrupted, or if its output cannot be encoded or written."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

import click

from .inspect import commands


class Commands(click.Group):
    """All commands. They end with one sentence and exit status 2 after Ctrl-C, or if the output cannot be written."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Its exit status after Ctrl-C must not look like an answer, such as 1 of `diff`."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, click.Abort):  # click raises the second one at a prompt
            click.echo(err=True)
            commands.fail("The command was interrupted and did not finish.")

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run the command of the arguments."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")  # the characters of a tree are not in every encoding
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO) or error.filename:
                raise
            # The interpreter would fail again when it writes the rest at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            commands.fail(f"The output cannot be written: {error.strerror}.")
