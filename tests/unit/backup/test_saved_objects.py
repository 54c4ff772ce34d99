"""All objects are copied, except those that are deleted during the copy."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.backup.folder import NewFolder
from cryostat_operator.backup.s3_request import MissingObjectError
from cryostat_operator.backup.saved_objects import SavedObjects, save_objects
from tests.unit.backup.instance import Storage, filled


async def saved(storage: Storage, tmp_path: Path) -> tuple[SavedObjects, NewFolder, list[str]]:
    untyped: Any = storage
    lines: list[str] = []
    folder = NewFolder(tmp_path)
    return await save_objects(untyped, folder, lines.append), folder, lines


async def test_directories_are_not_objects(tmp_path: Path) -> None:
    found, _, lines = await saved(Storage({"logs": {"jvm/": b"", "jvm/a": b"12"}}), tmp_path)
    assert [each.key for each in found.objects] == ["jvm/a"]
    assert lines == ["Saved the object storage: 1 buckets, 1 objects, 2 bytes."]


@pytest.mark.parametrize("moment", ["tags", "read", "after a part"])
async def test_an_object_that_is_deleted_during_the_copy_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    storage = filled()
    method = getattr(storage, "tags" if moment == "tags" else "read")

    async def missing(bucket: str, key: str, *on_chunk: Callable[[bytes], object]) -> Any:
        if not key.endswith("one.jfr"):
            return await method(bucket, key, *on_chunk)
        for each in on_chunk if moment == "after a part" else ():
            each(b"part")
        raise MissingObjectError("HTTP 404 NoSuchKey")

    monkeypatch.setattr(storage, method.__name__, missing)
    found, folder, lines = await saved(storage, tmp_path)
    assert [each.key for each in found.objects] == ["a/../b"]
    assert found.deleted == ("archivedrecordings/jvm/one.jfr",)
    assert list(folder.parts) == [found.objects[0].path]
    assert os.listdir(tmp_path / "objects" / "archivedrecordings") == [Path(found.objects[0].path).name]
    key = "archivedrecordings/jvm/one.jfr"
    assert lines[1] == f"Left out 1 objects that were deleted during the backup, for example {key}."


async def test_a_bucket_that_is_deleted_during_the_copy_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def missing(bucket: str, prefix: str = "") -> Any:
        raise MissingObjectError("HTTP 404 NoSuchBucket")

    storage = filled()
    monkeypatch.setattr(storage, "entries", missing)
    found, _, _ = await saved(storage, tmp_path)
    assert (found.objects, found.deleted) == ((), ())
