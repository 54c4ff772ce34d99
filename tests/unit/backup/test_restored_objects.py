"""Objects are stored, verified and removed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.backup import restored_objects
from cryostat_operator.backup.folder import SavedFolder, new_folder, open_folder
from cryostat_operator.backup.manifest import CRYOSTAT, DATABASE, SECRETS, BackupError, StoredObject
from cryostat_operator.backup.restored_objects import ObjectRestore
from tests.unit.backup.instance import Storage
from tests.unit.backup.manifests import manifest

OBJECTS = tuple(StoredObject("logs", key, f"objects/{key}", {}, {"k": key}) for key in ("one", "two"))


def folder(tmp_path: Path) -> SavedFolder:
    with new_folder(tmp_path / "b") as new:
        for path in (CRYOSTAT, DATABASE, SECRETS, *(each.path for each in OBJECTS)):
            new.add(path, path.encode())
        new.finish(manifest(objects=OBJECTS, parts=new.parts))
    return open_folder(tmp_path / "b")


def objects(storage: Storage, tmp_path: Path, *, overwrite: bool = False) -> ObjectRestore:
    untyped: Any = storage
    return ObjectRestore(untyped, folder(tmp_path), overwrite)


async def test_objects_are_stored_in_new_buckets(tmp_path: Path) -> None:
    storage = Storage()
    restored = objects(storage, tmp_path)
    await restored.upload()
    await restored.verify()
    assert storage.content == {"logs": {"one": b"objects/one", "two": b"objects/two"}}
    assert storage.all_tags["logs", "two"] == {"k": "two"}


@pytest.mark.parametrize("damage", ["content", "tags"])
async def test_a_difference_is_reported(tmp_path: Path, damage: str) -> None:
    storage = Storage()
    restored = objects(storage, tmp_path)
    await restored.upload()
    if damage == "content":
        storage.content["logs"]["two"] = b"other"
    else:
        storage.all_tags["logs", "two"] = {}
    with pytest.raises(BackupError, match=r"^Object logs/two differs from the backup after it was stored\.$"):
        await restored.verify()


@pytest.mark.parametrize("overwrite", [False, True])
async def test_undo_removes_created_objects(tmp_path: Path, overwrite: bool) -> None:
    storage = Storage({"logs": {"mine": b""}})
    restored = objects(storage, tmp_path, overwrite=overwrite)
    await restored.upload()
    await restored.undo()
    assert set(storage.content["logs"]) == ({"mine", "one", "two"} if overwrite else {"mine"})


async def test_undo_ends_if_the_storage_cannot_be_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = Storage()
    restored = objects(storage, tmp_path)
    await restored.upload()
    tried = []

    async def delete(bucket: str, key: str) -> None:
        tried.append(key)
        raise BackupError("unreachable")

    monkeypatch.setattr(storage, "delete", delete)
    monkeypatch.setattr(restored_objects, "_UNDO_ATTEMPTS", 1)
    await restored.undo()
    assert tried == ["one"]


async def test_other_objects_are_removed(tmp_path: Path) -> None:
    storage = Storage({"logs": {"mine": b"x", "directory/": b""}, "other": {"kept": b""}})
    restored = objects(storage, tmp_path, overwrite=True)
    await restored.upload()
    assert await restored.remove_others() == 1
    assert set(storage.content["logs"]) == {"directory/", "one", "two"}
    assert storage.content["other"] == {"kept": b""}
