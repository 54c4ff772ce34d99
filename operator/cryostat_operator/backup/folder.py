"""A backup as a folder. It has a temporary name while it is written, so a folder with the final name is complete."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .manifest import MANIFEST, BackupError, Manifest, Part, parse

CHUNK = 1024 * 1024  # bytes


class FileChunks:
    """The content of a file in chunks. Each iteration reads the file again."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __iter__(self) -> Iterator[bytes]:
        with self._file.open("rb") as opened:
            while chunk := opened.read(CHUNK):
                yield chunk


class PartWriter:
    """Writes one file and computes its size and SHA-256."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, chunk: bytes) -> None:
        """Append a chunk. Raises `OSError`, for example if the disk is full."""
        self._file.write(chunk)
        self._digest.update(chunk)
        self._size += len(chunk)

    @property
    def part(self) -> Part:
        """Size and digest of what was written."""
        return Part(self._size, self._digest.hexdigest())


class NewFolder:
    """The files of a backup that is being written.

    Attributes:
        parts: what was written, by path.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.parts: dict[str, Part] = {}

    @contextmanager
    def part(self, path: str) -> Iterator[PartWriter]:
        """Open one file for writing. It is listed in `parts` afterwards; after an error it is removed."""
        target = self._directory / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with _create(target) as file:
                writer = PartWriter(file)
                yield writer
                _sync(file)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        self.parts[path] = writer.part

    def add(self, path: str, content: bytes) -> None:
        """Write one file."""
        with self.part(path) as writer:
            writer.write(content)

    def finish(self, manifest: Manifest) -> None:
        """Write the manifest, the last file of a backup."""
        with _create(self._directory / MANIFEST) as file:
            file.write(manifest.text().encode())
            _sync(file)


@contextmanager
def new_folder(target: Path) -> Iterator[NewFolder]:
    """Create the folder of a backup, which only its owner can read. After an error it does not exist.

    Raises:
        BackupError: the folder exists and is not empty, or cannot be written.
    """
    working = None
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise BackupError(f"{target} already exists and is not an empty folder. Choose another one.")
        target.parent.mkdir(parents=True, exist_ok=True)
        working = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))  # mode 0700
        yield NewFolder(working)
        if target.exists():
            target.rmdir()
        working.rename(target)
    except OSError as error:
        raise BackupError(f"{target} cannot be written: {error.strerror or error}.") from None
    finally:
        if working and working.exists():
            shutil.rmtree(working, ignore_errors=True)


class SavedFolder:
    """The files of a complete backup.

    Attributes:
        manifest: what it contains.
    """

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self._directory = directory
        self.manifest = manifest

    def read(self, path: str) -> bytes:
        """Return the content of one small file."""
        return (self._directory / path).read_bytes()

    def chunks(self, path: str) -> FileChunks:
        """Return the content of one file in chunks."""
        return FileChunks(self._directory / path)

    def check(self) -> None:
        """Compare size and SHA-256 of all files with the manifest.

        Raises:
            BackupError: a file is missing, damaged or cannot be read.
        """
        for path, part in sorted(self.manifest.parts.items()):
            digest, size = hashlib.sha256(), 0
            try:
                for chunk in self.chunks(path):
                    digest.update(chunk)
                    size += len(chunk)
            except OSError as error:
                raise BackupError(f"{path} of the backup cannot be read: {error.strerror}.") from None
            if (size, digest.hexdigest()) != (part.size, part.sha256):
                raise BackupError(f"{path} of the backup is damaged: its SHA-256 or size differs from the manifest.")


def open_folder(directory: Path) -> SavedFolder:
    """Open a backup.

    Raises:
        BackupError: there is no complete backup in the folder.
    """
    try:
        text = (directory / MANIFEST).read_bytes()
    except OSError as error:
        raise BackupError(f"{directory} is not a complete backup: {MANIFEST}: {error.strerror}.") from None
    return SavedFolder(directory, parse(text))


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _create(file: Path) -> BinaryIO:
    """Open a new file that only its owner can read, also after it is moved out of the folder."""
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
