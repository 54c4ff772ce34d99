"""The captured cases: the applied objects, and the objects that the Go operator created.

Where there is an `input.before.yaml`, it was applied first, and the rest is the state after the change to the input.
"""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Obj = dict[str, Any]

HERE = Path(__file__).parent
CASES = HERE / "cases"
# More cases. Only plans are compared with them, because tests on a real API server take longer.
PLAN_CASES = HERE / "plan_cases"


def _captures(folder: Path) -> list[tuple[str, str]]:
    """The cases of a folder as pairs of case and profile."""
    return sorted((p.parent.name, p.stem) for p in folder.glob("*/*.yaml") if not p.stem.startswith("input"))


CAPTURES = _captures(CASES)
PLAN_CAPTURES = _captures(PLAN_CASES)


def documents(case: str, profile: str) -> list[Obj]:
    """The applied objects: Namespaces, prerequisites and one Cryostat."""
    special = _folder(case) / f"input.{profile.split('-')[0]}.yaml"
    path = special if special.exists() else _folder(case) / "input.yaml"
    return copy.deepcopy(_documents(path))


def captured(case: str, profile: str) -> list[Obj]:
    """The objects that the Go operator created."""
    return copy.deepcopy(_capture(case, profile)["objects"])


def captured_status(case: str, profile: str) -> Obj:
    """The status that the Go operator wrote."""
    [status] = copy.deepcopy(_capture(case, profile)["status"])
    return status


def _capture(case: str, profile: str) -> dict[str, list[Obj]]:
    [capture] = _documents(_folder(case) / f"{profile}.yaml")
    return capture


def _folder(case: str) -> Path:
    return next(folder / case for folder in (CASES, PLAN_CASES) if (folder / case).is_dir())


@cache
def _documents(path: Path) -> list[Obj]:
    # The loader in C is ten times faster.
    return [document for document in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader) if document]
