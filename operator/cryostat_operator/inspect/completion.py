"""Completes the arguments of `kubectl cryostat`: kubectl runs `kubectl_complete-cryostat` with what was typed."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete

_NO_FILES = 4  # directive of Cobra's completion protocol: do not complete names of files
_FILES = 0


def completions(command: click.Command, arguments: list[str]) -> list[str]:
    """Return the completions of the last argument, followed by the directive.

    Args:
        arguments: what follows `kubectl cryostat` on the command line; the last one is not complete.
    """
    *complete, last = arguments or [""]
    completion = ShellComplete(command, {}, "kubectl-cryostat", "_KUBECTL_CRYOSTAT_COMPLETE")
    found = completion.get_completions(complete, last)
    files = any(each.type in ("file", "dir") for each in found)
    values = [each.value + (f"\t{each.help}" if each.help else "") for each in found if each.type == "plain"]
    return [*values, f":{_FILES if files else _NO_FILES}"]
