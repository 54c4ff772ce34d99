"""Restores a backup. Everything that can be checked is checked before the first change."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from ..api import constants
from ..kube.errors import ApiError, LoginError
from ..plan.image_releases import release_of
from ..plan.model.kinds import Key, Obj, path_of
from ..plan.upgrades import Versions
from . import database_scripts
from .checked_backup import Content
from .database_scripts import read_report
from .instance_access import APPLICATION, DATABASE, STORAGE, InstanceAccess, image_of
from .manifest import DATABASE as DUMP
from .manifest import BackupError
from .pod_streams import CommandError
from .restore_target import RestoreTarget, require_restorable
from .restored_objects import ObjectRestore
from .saved_objects import Progress
from .stopped_application import StoppedApplication

_POLL_SECONDS = 2.0


class Restore:
    """One restore into a namespace.

    Args:
        overwrite: whether data of an existing instance may be replaced.
        allow_downgrade: whether an older release of Cryostat may use the data.
        timeout: seconds to wait for pods.
        progress: called with one sentence for each step.
    """

    def __init__(
        self,
        access: InstanceAccess,
        content: Content,
        overwrite: bool,
        timeout: float,
        progress: Progress,
        *,
        allow_downgrade: bool = False,
    ) -> None:
        self._access = access
        self._content = content
        self._overwrite = overwrite
        self._timeout = timeout
        self._progress = progress
        release = None if allow_downgrade else release_of(content.manifest.images.get(APPLICATION, ""))
        self._saved = Versions(release, content.manifest.database_version)
        self._committed: bool | None = False  # whether the database was replaced; None: not known
        self._replaced = False  # whether an object may have been replaced

    async def run(self) -> None:
        """Check the target, create what is missing, and restore the data.

        Raises:
            BackupError: a check failed, or a step failed and was undone as the message says.
            ApiError: the API server refuses a request.
        """
        missing = await RestoreTarget(self._access, self._content, self._overwrite, self._saved).missing_objects()
        for obj in missing:
            await self._create(obj, dry_run=True)  # permissions and admission are checked before anything changes
        try:
            for obj in missing:
                await self._create(obj)
            await self._restore_instance()
        except BaseException:
            if self._committed is False and any(obj["kind"] == constants.KIND for obj in missing):
                self._progress(
                    f"Cryostat {self._access.namespace}/{self._access.name} was created without the data. "
                    "Delete it, or run the same command again with --overwrite."
                )
            raise

    async def _restore_instance(self) -> None:
        access = self._access
        components = [DATABASE, STORAGE] if self._content.manifest.buckets is not None else [DATABASE]
        for component in components:
            await self._until(
                f"Deployment {access.namespace}/{access.name}-{component} has no ready pod", self._is_ready(component)
            )
        # A paused operator would not create it.
        await self._until(f"Deployment {access.namespace}/{access.name} does not exist", self._exists(APPLICATION))
        await self._check_versions()
        application = StoppedApplication(access, self._until, self._progress)
        try:
            await application.stop()
            await self._restore_data()
        except BaseException:
            await self._after_failure(application)
            raise
        await application.start("All data is restored")

    async def _after_failure(self, application: StoppedApplication) -> None:
        """Start the application again if its data is as before the restore."""
        if self._committed is False and not self._replaced:
            with contextlib.suppress(ApiError, LoginError):  # the first error is the one to report
                await application.start("The restore failed")
            return
        self._progress(
            f"The application stays stopped, and annotation {constants.ANNOTATION_PAUSE} stays on the Cryostat, "
            "because some data may have been replaced. Run the same command again with --overwrite."
        )

    async def _create(self, obj: Obj, *, dry_run: bool = False) -> None:
        kind, name = obj["kind"], obj["metadata"]["name"]
        if kind == constants.KIND:
            path = self._access.path.rpartition("/")[0]
        else:
            path = path_of(Key(kind, self._access.namespace, name)).rpartition("/")[0]
        params = {"dryRun": "All"} if dry_run else None
        await self._access.client.request("POST", path, body=obj, params=params)
        if not dry_run:
            self._progress(f"Created {kind} {self._access.namespace}/{name}.")

    async def _check_versions(self) -> None:
        """Refuse to restore into older programs. The database reports its version; its tag is not read."""
        database = await self._access.component(DATABASE)
        log = await self._access.run_script(database, database_scripts.shell(database_scripts.VERSION))
        release = release_of(image_of(await self._access.deployment(APPLICATION)))
        require_restorable(self._saved, Versions(release, read_report(log).version))

    async def _restore_data(self) -> None:
        manifest = self._content.manifest
        if manifest.buckets is None:
            await self._restore_database()
            return
        storage = await self._access.component(STORAGE)
        async with self._access.storage(storage) as service:
            objects = ObjectRestore(service, self._content.folder, self._overwrite)
            try:
                await objects.upload()
                await objects.verify()
                self._progress(f"Restored and verified {len(manifest.objects)} objects.")
                await self._restore_database()
            except BaseException:
                self._replaced = self._overwrite and objects.has_written
                if self._committed is False:
                    await objects.undo()
                raise
            removed = await objects.remove_others()
            if removed:
                self._progress(f"Removed {removed} objects that are not in the backup.")

    async def _restore_database(self) -> None:
        manifest = self._content.manifest
        database = await self._access.component(DATABASE)
        checks, size = database_scripts.checks(manifest.rows), manifest.parts[DUMP].size
        command = database_scripts.shell(database_scripts.RESTORE, len(checks), size)
        self._committed = None  # after an interruption the container may still commit what it has received
        try:
            log = await self._access.run_script(database, command, stdin=self._dump(checks))
        except CommandError as error:
            self._committed = False
            errors = read_report(error.log).errors or str(error)
            raise BackupError(f"The database is unchanged, because the restore failed: {errors}") from None
        report = read_report(log)
        self._committed = report.done
        if not report.done:
            raise BackupError(f"The database is unchanged, because the restore failed: {report.errors}")
        rows = sum(manifest.rows.values())
        self._progress(f"Restored and verified the database: {len(manifest.rows)} tables, {rows} rows.")

    def _dump(self, checks: bytes) -> Iterator[bytes]:
        yield checks
        yield from self._content.folder.chunks(DUMP)

    def _is_ready(self, component: str) -> Callable[[], Any]:
        async def check() -> bool:
            try:
                await self._access.component(component)
            except BackupError:
                return False
            return True

        return check

    def _exists(self, component: str) -> Callable[[], Any]:
        async def check() -> bool:
            return await self._access.deployment(component) is not None

        return check

    async def _until(self, what: str, check: Callable[[], Any]) -> None:
        """Wait for a state of the cluster.

        Args:
            what: describes the state that should end, for the message of the error.

        Raises:
            BackupError: it is not reached in time.
        """
        end = time.monotonic() + self._timeout
        while not await check():
            if time.monotonic() >= end:
                raise BackupError(
                    f"After {self._timeout:.0f} s, {what}. "
                    f"`kubectl cryostat status {self._access.name} -n {self._access.namespace}` shows the cause."
                )
            await asyncio.sleep(_POLL_SECONDS)
