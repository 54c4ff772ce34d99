"""Reads the commands and resources of the documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\n(?P<text>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"`(?P<name>[\w./-]+\.yaml)`:\s*\Z")  # the line above a block that the reader saves to a file
_HERE = re.compile(r"<<-?\s*'?(?P<end>\w+)'?")


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        page, line: its position.
        language: `sh`, `yaml`, or another language.
        file: the name of the file that the reader saves it to, or empty.
    """

    page: Path
    line: int
    language: str
    text: str
    file: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """Whole commands, with continuation lines and here-documents, without comments."""
        return commands_of(self.text)

    @property
    def documents(self) -> list[Any]:
        return [document for document in yaml.safe_load_all(self.text) if document]


def pages() -> list[Path]:
    """README.md, and docs/ in the order of its index. Pages that the index does not name are last."""
    index = ROOT / "docs/README.md"
    named = [ROOT / "docs" / name for name in re.findall(r"\]\(([\w-]+\.md)\)", index.read_text())]
    ordered = dict.fromkeys([ROOT / "README.md", index, *(page for page in named if page.exists())])
    return [*ordered, *(page for page in sorted((ROOT / "docs").glob("*.md")) if page not in ordered)]


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text()
    found = []
    for match in _FENCE.finditer(text):
        above, line = text[: match.start()], text.count("\n", 0, match.start()) + 1
        named = _FILE.search(above)
        indent = match["indent"]
        body = "".join(each.removeprefix(indent) for each in match["text"].splitlines(keepends=True))
        found.append(Block(page, line, match["language"], body, named["name"] if named else ""))
    return found


def commands_of(text: str) -> list[str]:
    """The commands of a shell script, see `Block.commands`."""
    return [command for command in _commands(text) if command.strip() and not command.startswith("#")]


def _commands(text: str) -> Iterator[str]:
    lines = iter(text.splitlines())
    for line in lines:
        command = [line]
        while command[-1].endswith("\\"):
            command.append(next(lines))
        here = _HERE.search("\n".join(command))
        while here and command[-1].strip() != here["end"]:
            command.append(next(lines))
        yield "\n".join(command)
