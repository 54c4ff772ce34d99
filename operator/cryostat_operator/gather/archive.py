"""Writes files into a tar.gz archive. The same files give the same bytes."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path


def archive_bytes(files: Mapping[str, str], root: str) -> bytes:
    """Return the archive.

    Args:
        files: path below `root` → content.
        root: name of the only folder at the top of the archive.
    """
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, text in sorted(files.items()):
            content = text.encode(errors="replace")
            entry = tarfile.TarInfo(f"{root}/{path}")  # mtime, owner and group are 0
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def write_archive(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read. It is complete or absent, also if the disk is full.

    Only a regular file is replaced. To a pipe or device, such as `/dev/stdout`, the archive is written.

    Raises:
        OSError: the file cannot be written.
    """
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
