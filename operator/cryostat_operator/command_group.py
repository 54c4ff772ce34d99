"""The group of all commands: what happens if their output cannot be encoded or written."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

import click

from .inspect import commands


class Commands(click.Group):
    """All commands. They end with one sentence if the standard output cannot be written, for example on a full disk."""

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
