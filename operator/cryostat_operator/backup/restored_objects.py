"""Stores the objects of a backup in the object storage, and removes them again if the restore fails."""

from __future__ import annotations

import hashlib

from .folder import SavedFolder
from .manifest import BackupError
from .object_storage import ObjectStorage

_UNDO_ATTEMPTS = 3  # failed requests until the storage counts as unreachable: each may wait for a timeout


class ObjectRestore:
    """The objects of one restore.

    Args:
        overwrite: whether the objects may replace others. `undo` then removes nothing.
    """

    def __init__(self, service: ObjectStorage, folder: SavedFolder, overwrite: bool) -> None:
        self._service = service
        self._folder = folder
        self._overwrite = overwrite
        self._written: list[tuple[str, str]] = []

    @property
    def has_written(self) -> bool:
        """Whether an object was, or may have been, stored."""
        return bool(self._written)

    async def upload(self) -> None:
        """Create missing buckets and store all objects.

        Raises:
            BackupError: the object storage refuses a request.
        """
        manifest = self._folder.manifest
        existing = await self._service.buckets()
        for bucket in manifest.buckets or ():
            if bucket not in existing:
                await self._service.create_bucket(bucket)
        for each in manifest.objects:
            part = manifest.parts[each.path]
            self._written.append((each.bucket, each.key))
            await self._service.write(
                each.bucket,
                each.key,
                self._folder.chunks(each.path),
                part.size,
                part.sha256,
                each.headers,
                each.tags,
            )

    async def verify(self) -> None:
        """Read all objects again and compare their content with the manifest.

        Raises:
            BackupError: an object differs.
        """
        for each in self._folder.manifest.objects:
            digest = hashlib.sha256()
            await self._service.read(each.bucket, each.key, digest.update)
            is_equal = digest.hexdigest() == self._folder.manifest.parts[each.path].sha256
            if not is_equal or await self._service.tags(each.bucket, each.key) != each.tags:
                raise BackupError(f"Object {each.bucket}/{each.key} differs from the backup after it was stored.")

    async def undo(self) -> None:
        """Remove the stored objects, unless `overwrite` is set: then they may have replaced others."""
        if self._overwrite:
            return
        failures = 0
        for bucket, key in self._written:
            try:
                await self._service.delete(bucket, key)
            except BackupError:  # the first error is the one to report
                failures += 1
                if failures == _UNDO_ATTEMPTS:
                    return

    async def remove_others(self) -> int:
        """Remove the objects that are not in the backup from the buckets that are.

        The application runs for a short time before the restore and may store some.

        Returns:
            The number of removed objects.
        """
        manifest = self._folder.manifest
        saved = {(each.bucket, each.key) for each in manifest.objects}
        removed = 0
        for bucket in manifest.buckets or ():
            for entry in await self._service.entries(bucket):
                is_directory = entry.key.endswith("/") and not entry.size
                if (bucket, entry.key) not in saved and not is_directory:
                    await self._service.delete(bucket, entry.key)
                    removed += 1
        return removed
