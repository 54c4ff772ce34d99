"""The hook of pre-commit that limits the subject of a commit."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

CONFIG: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-config.yaml").read_text())
HOOKS = {hook["id"]: hook for repository in CONFIG["repos"] for hook in repository["hooks"]}


def is_refused(message: str) -> bool:
    """Search as pre-commit does for a hook in the language pygrep with `--multiline`."""
    return bool(re.search(HOOKS["commit-subject"]["entry"].encode(), message.encode(), re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    ("message", "refused"),
    [
        ("a" * 72, False),
        ("a" * 73, True),
        ("é" * 72, False),
        ("é" * 73, True),
        ("area: subject\n\n" + "a" * 100, False),
        ("a" * 73 + "\n\nbody\n", True),
    ],
)
def test_a_subject_has_at_most_72_characters(message: str, refused: bool) -> None:
    assert is_refused(message) == refused


def test_pre_commit_install_installs_the_hook() -> None:
    """Each hook runs at its stage only, and both stages are installed."""
    assert HOOKS["commit-subject"]["stages"] == ["commit-msg"]
    assert CONFIG["default_stages"] == ["pre-commit"]
    assert set(CONFIG["default_install_hook_types"]) == {"pre-commit", "commit-msg"}
