"""No file uses a word of this project's old private vocabulary.

CONTRIBUTING.md asks for the terms of Kubernetes: observer, applier, enqueue, requeue, prune, desired and live state.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLD_WORDS = re.compile(
    r"foreman|scout|teller|workshop|ledger|murmur|landmark|\bdesk\b|\bbury|\bgraves?\b|\bvain|ring_later|talkative|"
    r"spokesman|auditor|drawing office|post room|front door|print shop|\bwish|hand_on|\blinger|"
    r"\bnoise\b|\bpaddings\b|rehears|last words|\bminted|\bstranger|\bpatience\b|\b(some|no|any|every)body\b",
    re.IGNORECASE,
)
FOLDERS = ("operator", "tests", "docs", "image", ".ci", ".github", "manifests", "overlays")
FOREIGN = {".mod", ".sum", ".lock"}  # they name modules of other projects
NO_TEXT = {".pyc", ".png", ".svg"}


def searched() -> list[Path]:
    """Every text file except this one, captured objects, and what is generated from the package."""
    nested = (path for name in FOLDERS for path in (ROOT / name).rglob("*"))
    # Processes that measure coverage write and remove binary files beside these.
    files = (path for path in ROOT.iterdir() if not path.name.startswith(".coverage"))
    found = [path for path in (*nested, *files) if path.suffix not in FOREIGN | NO_TEXT]
    skipped = {"node_modules", "__pycache__", "cases", "plan_cases", "golden"}
    return sorted(p for p in found if p.is_file() and p != Path(__file__) and not skipped & set(p.parts))


def old_words(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    return [f"{path.relative_to(ROOT)}:{number}: {line.strip()}" for number, line in enumerate(lines, 1)
            if OLD_WORDS.search(line)]  # fmt: skip


def test_no_old_word_is_used() -> None:
    assert [line for path in searched() for line in old_words(path)] == []
