"""The message about a disk without space, which many programs report without the name of a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path


def described(error: Exception, cache: Path) -> str:
    """The message of an error. If a disk is full, one sentence with the folders that may be on it, such as `cache`."""
    if "no space left on device" not in str(error).lower():
        return str(error)
    return (
        f"No space is left on the disk of {cache}, of {tempfile.gettempdir()}, or of Go's caches (go env GOCACHE "
        "GOMODCACHE): delete files, or set XDG_CACHE_HOME, TMPDIR or GOMODCACHE to a folder on another disk."
    )
