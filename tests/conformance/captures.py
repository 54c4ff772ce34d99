"""The captured cases: the applied objects, and the objects that the Go operator created."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Obj = dict[str, Any]

CASES = Path(__file__).parent / "cases"
CAPTURES = sorted((p.parent.name, p.stem) for p in CASES.glob("*/*.yaml") if not p.stem.startswith("input"))
"""All (case, profile)."""


def documents(case: str, profile: str) -> list[Obj]:
    """The applied objects: Namespaces, prerequisites and one Cryostat."""
    special = CASES / case / f"input.{profile.split('-')[0]}.yaml"
    path = special if special.exists() else CASES / case / "input.yaml"
    return copy.deepcopy(_documents(path))


def captured(case: str, profile: str) -> list[Obj]:
    """The objects that the Go operator created."""
    return copy.deepcopy(_capture(case, profile)["objects"])


def captured_status(case: str, profile: str) -> Obj:
    """The status that the Go operator wrote."""
    [status] = copy.deepcopy(_capture(case, profile)["status"])
    return status


def _capture(case: str, profile: str) -> dict[str, list[Obj]]:
    [capture] = _documents(CASES / case / f"{profile}.yaml")
    return capture


@cache
def _documents(path: Path) -> list[Obj]:
    # The loader in C is ten times as fast.
    return [document for document in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader) if document]
