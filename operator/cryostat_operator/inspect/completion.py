"""Completes arguments in bash, and for kubectl, which runs `kubectl_complete-cryostat` with what was typed."""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

import click
from click.shell_completion import BashComplete, CompletionItem, ShellComplete, split_arg_string

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


class BashCompletion(BashComplete):
    """Completion in bash, which splits words at `=` and `:` (COMP_WORDBREAKS) and replaces only the last part."""

    _replaced_from = ""  # the text before the last part of the word that is completed

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the complete arguments, and the incomplete one; both with the parts that bash split joined."""
        position = int(os.environ["COMP_CWORD"])
        words = [*split_arg_string(os.environ["COMP_WORDS"]), ""][: position + 1]
        joined: list[str] = []
        for previous, word in pairwise(words):
            if joined and word and (_is_break(previous) or _is_break(word)):
                joined[-1] += word
            else:
                joined.append(word)
        *arguments, incomplete = joined or [""]
        self._replaced_from = incomplete if _is_break(words[-1]) else incomplete.removesuffix(words[-1])
        if incomplete.startswith("-"):
            self._replaced_from = self._replaced_from.partition("=")[2]
        return arguments, incomplete

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Return the line for bash with the part of a completion that it inserts."""
        return f"{item.type},{str(item.value).removeprefix(self._replaced_from)}"


def _is_break(word: str) -> bool:
    return bool(word) and set(word) <= set("=:")
