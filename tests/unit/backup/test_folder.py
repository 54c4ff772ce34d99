"""The folder of a backup is complete or absent."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pytest

from cryostat_operator.backup import folder as module
from cryostat_operator.backup.folder import new_folder, open_folder
from cryostat_operator.backup.manifest import CRYOSTAT, DATABASE, MANIFEST, SECRETS, BackupError
from tests.unit.backup.manifests import OBJECT, manifest


def write(target: Path) -> None:
    with new_folder(target) as folder:
        for path in (CRYOSTAT, DATABASE, SECRETS, OBJECT.path):
            with folder.part(path) as writer:
                writer.write(b"content of ")
                writer.write(path.encode())
        folder.finish(manifest(parts=folder.parts))


def test_a_folder_is_complete_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "new" / "backup"
    write(target)
    saved = open_folder(target)
    saved.check()
    assert saved.read(CRYOSTAT) == b"content of cryostat.yaml"
    assert b"".join(saved.chunks(OBJECT.path)) == b"content of objects/logs/1"
    part = saved.manifest.parts[DATABASE]
    assert part.sha256 == hashlib.sha256(b"content of database.dump").hexdigest()
    assert target.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in target.rglob("*") if path.is_file()} == {0o600}


def test_an_existing_empty_folder_is_used(tmp_path: Path) -> None:
    write(tmp_path)
    open_folder(tmp_path).check()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_existing_folder_with_content_is_refused(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "backup"
    if kind == "folder":
        target.mkdir()
    (target / "file" if kind == "folder" else target).write_text("mine")
    with pytest.raises(BackupError, match=r" already exists and is not an empty folder\. Choose another one\.$"):
        write(target)


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), BackupError("broken")])
def test_no_file_is_left_after_an_error(tmp_path: Path, error: Exception) -> None:
    def fail() -> None:
        with new_folder(tmp_path / "backup") as folder:
            folder.add(CRYOSTAT, b"content")
            raise error

    with pytest.raises(BackupError, match=r"broken|cannot be written: No space left on device"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BackupError, match="cannot be written"):
        write(tmp_path / "file" / "backup")


@pytest.mark.parametrize("damage", ["changed", "longer", "missing"])
def test_damaged_files_are_reported(tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 4)
    write(tmp_path)
    path = tmp_path / OBJECT.path
    if damage == "missing":
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content + b"!" if damage == "longer" else b"C" + content[1:])
    with pytest.raises(BackupError) as error:
        open_folder(tmp_path).check()
    missing = f"{OBJECT.path} of the backup cannot be read: No such file or directory."
    damaged = f"{OBJECT.path} of the backup is damaged: its SHA-256 or size differs from the manifest."
    assert str(error.value) == (missing if damage == "missing" else damaged)


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BackupError) as error:
        open_folder(tmp_path)
    assert str(error.value) == f"{tmp_path} is not a complete backup: {MANIFEST}: No such file or directory."
