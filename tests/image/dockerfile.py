"""Reads the stages and instructions of the Dockerfile."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Instruction(NamedTuple):
    """An instruction, for example `RUN`, with its arguments, also those on continuation lines."""

    word: str
    rest: str


def stages() -> list[list[Instruction]]:
    """The instructions of each stage, which begins with FROM."""
    text = re.sub(r"^\s*#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    found: list[list[Instruction]] = []
    for line in filter(str.strip, text.splitlines()):
        word, rest = line.split(None, 1)
        if word == "FROM":
            found.append([])
        if found:
            found[-1].append(Instruction(word, rest))
    return found


def values(stage: list[Instruction], word: str) -> list[str]:
    """The arguments of all instructions of this kind in a stage."""
    return [each.rest for each in stage if each.word == word]


def environment(stage: list[Instruction]) -> dict[str, str]:
    """The environment variables that a stage sets."""
    pairs = [pair for rest in values(stage, "ENV") for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def command(stage: list[Instruction], word: str) -> list[str]:
    """ENTRYPOINT or CMD as a list."""
    [text] = values(stage, word)
    found: list[str] = json.loads(text)
    return found


def build() -> tuple[str, str, str]:
    """The interpreter, sources and target directory of the commands that build the image's content."""
    first, second = [rest for stage in stages() for rest in values(stage, "RUN")]
    program, interpreter, sources, tree, tools = shlex.split(first)
    assert program == "image/dependencies"
    assert shlex.split(second) == ["image/build", sources, tree, tools]
    return interpreter, sources, tree
