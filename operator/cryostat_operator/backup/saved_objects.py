"""Copies all objects of the managed object storage into a backup."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from .folder import NewFolder
from .manifest import StoredObject
from .object_storage import Entry, ObjectStorage
from .s3_request import MissingObjectError

Progress = Callable[[str], None]


@dataclass(frozen=True)
class SavedObjects:
    """What was copied.

    Attributes:
        buckets: all buckets; None if the instance uses an external provider.
        deleted: `BUCKET/KEY` of objects that were listed and then deleted by the application.
    """

    buckets: tuple[str, ...] | None = None
    objects: tuple[StoredObject, ...] = ()
    deleted: tuple[str, ...] = ()


async def save_objects(service: ObjectStorage, folder: NewFolder, progress: Progress) -> SavedObjects:
    """Copy all objects of all buckets.

    An object that is deleted during the backup, for example because its retention ended, is left out.

    Args:
        progress: called with one sentence for each step.

    Raises:
        BackupError: the object storage refuses a request.
        OSError: the folder cannot be written.
    """
    objects, deleted = [], []
    buckets = tuple(await service.buckets())
    for bucket in buckets:
        for entry in await _entries(service, bucket):
            try:
                objects.append(await _save_object(service, folder, bucket, entry))
            except MissingObjectError:
                deleted.append(f"{bucket}/{entry.key}")
    size = sum(folder.parts[each.path].size for each in objects)
    progress(f"Saved the object storage: {len(buckets)} buckets, {len(objects)} objects, {size} bytes.")
    if deleted:
        examples = ", ".join(deleted[:5])
        progress(f"Left out {len(deleted)} objects that were deleted during the backup, for example {examples}.")
    return SavedObjects(buckets, tuple(objects), tuple(deleted))


async def _entries(service: ObjectStorage, bucket: str) -> list[Entry]:
    """The objects of a bucket, without the directories that SeaweedFS lists."""
    try:
        entries = await service.entries(bucket)
    except MissingObjectError:
        return []  # the bucket was deleted
    return [entry for entry in entries if entry.size or not entry.key.endswith("/")]


async def _save_object(service: ObjectStorage, folder: NewFolder, bucket: str, entry: Entry) -> StoredObject:
    path = f"objects/{bucket}/{hashlib.sha256(entry.key.encode()).hexdigest()}"
    tags = await service.tags(bucket, entry.key)
    with folder.part(path) as writer:
        headers = await service.read(bucket, entry.key, writer.write)
    return StoredObject(bucket, entry.key, path, headers, tags)
