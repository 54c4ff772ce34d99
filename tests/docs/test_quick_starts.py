"""The commands in the quick starts of the OpenShift console are those of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

from cryostat_operator.console import extensions

ROOT = Path(__file__).parents[2]
PAGES = [(ROOT / "docs" / name).read_text() for name in ("tutorial.md", "install.md")]
COMMAND = re.compile(r"^ *((?:kubectl|oc) .+)$", re.MULTILINE)


def commands() -> list[str]:
    """All commands in the quick starts."""
    quick_starts = [obj for obj in extensions.objects("") if obj["kind"] == extensions.QUICK_START]
    tasks = [task for obj in quick_starts for task in obj["spec"]["tasks"]]
    texts = [text for task in tasks for text in (task["description"], *task["review"].values())]
    return [command for text in texts for command in COMMAND.findall(text)]


def test_every_command_is_in_the_documentation() -> None:
    found = commands()
    assert len(found) > 10
    assert [command for command in found if not any(f"\n{command}\n" in page for page in PAGES)] == []
