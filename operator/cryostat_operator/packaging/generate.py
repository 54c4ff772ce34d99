"""Writes all generated files, or lists those that are out of date."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath

from ..plan.yaml_text import HEADER
from .bundle import files_of_bundle
from .crds import files_of_crds
from .install import files_of_install
from .namespaces_overlay import files_of_overlay

_FOLDERS = ("bundle", "crds", "manifests", "overlays")
_NAMES = ("*.yaml", "*.Dockerfile")


@cache
def generated_files() -> Mapping[PurePosixPath, str]:
    """Return path below the repository → content of every generated file."""
    return {**files_of_crds(), **files_of_install(), **files_of_bundle(), **files_of_overlay()}


def generate(root: Path, check: bool) -> list[Path]:
    """Write files that are out of date and remove files that are no longer generated; with `check`, change nothing.

    Returns:
        The sorted files that were written or removed, or with `check` would be.

    Raises:
        OSError: a file cannot be read or written.
    """
    expected = {root / path: text for path, text in generated_files().items()}
    stale = [path for path in _generated_below(root) if path not in expected]
    changed = [
        path for path, text in expected.items() if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    if not check:
        for path in stale:
            path.unlink()
        for path in changed:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(expected[path], encoding="utf-8")
    return sorted([*stale, *changed])


def _generated_below(root: Path) -> list[Path]:
    """Files with the header of generated files."""
    found = (path for folder in _FOLDERS for name in _NAMES for path in (root / folder).rglob(name))
    return [path for path in found if path.read_text(encoding="utf-8").startswith(HEADER)]
