"""The commands `backup` and `restore`. Large modules are imported in functions, so that other commands start fast."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..api.backup_schedule import PASSPHRASE_VARIABLE
from ..inspect.commands import fail, run_with_client
from ..inspect.parameters import CONTEXT, complete_folders, cryostat_argument, namespace_option
from .passphrase import read_passphrase

if TYPE_CHECKING:
    from ..kube.client import Client
    from .pod_streams import PodStreams

_PASSPHRASE_HELP = (
    f"File with the passphrase of the Secrets; default: {PASSPHRASE_VARIABLE}, else a prompt or, without a terminal, "
    "standard input."
)


@click.command(short_help="Save the data of an instance.")
@cryostat_argument(required=True)
@namespace_option(help="Namespace of the Cryostat; default: that of the context.")
@CONTEXT
@click.option(
    "--to",
    "target",
    required=True,
    shell_complete=complete_folders,
    help="A new or empty folder, or s3://BUCKET/PREFIX without objects.",
)
@click.option("--passphrase-file", type=click.Path(), default=None, help=_PASSPHRASE_HELP)
def backup(name: str, namespace: str | None, context: str | None, target: str, passphrase_file: str | None) -> None:
    """Save the data of the Cryostat NAME in a folder or an S3 bucket, while it runs.

    The backup contains the Cryostat, the database, the objects of the managed storage, and the Secrets with the keys of
    both. The Secrets are encrypted with the passphrase. Your own permissions are used. Nothing is changed in the
    cluster.
    Exit status: 0 if the backup is complete, otherwise 2, and no folder is left.

    \b
    Examples:
      kubectl cryostat backup cryostat-sample --to backup-1
      kubectl cryostat backup cryostat-sample -n monitoring --to backup-1 --passphrase-file passphrase.txt
    """
    from .interruption import exit_on_sigterm

    passphrase = read_passphrase(passphrase_file, confirm=True)
    click.get_current_context().with_resource(exit_on_sigterm())

    async def work(client: Client, home: str) -> None:
        from .folder import new_folder
        from .instance_access import InstanceAccess
        from .interruption import cancel_on_signals
        from .save import save

        with _errors(), cancel_on_signals():
            await _check_target(target)
            async with _streams(client) as streams:
                with _saved_to(target) as (directory, copy):
                    with new_folder(directory) as folder:
                        access = InstanceAccess(client, streams, namespace or home, name)
                        await save(access, folder, passphrase, click.echo)
                    await copy()

    run_with_client(context, work)
    click.echo(f"written: {target}")


@click.command(short_help="Restore a backup.")
@namespace_option(help="Namespace to restore into; default: that of the context.")
@CONTEXT
@click.option(
    "--from",
    "source",
    required=True,
    shell_complete=complete_folders,
    help="Folder that `backup` created, or s3://BUCKET/PREFIX.",
)
@click.option("--passphrase-file", type=click.Path(), default=None, help=_PASSPHRASE_HELP)
@click.option("--overwrite", is_flag=True, help="Replace all data of an instance that exists.")
@click.option("--allow-downgrade", is_flag=True, help="Restore into an older release of Cryostat, too.")
@click.option("--check", is_flag=True, help="Check the backup and the passphrase only; no cluster is used.")
@click.option("--timeout", default=600, show_default=True, help="Seconds to wait for pods.")
def restore(
    namespace: str | None,
    context: str | None,
    source: str,
    passphrase_file: str | None,
    overwrite: bool,
    allow_downgrade: bool,
    check: bool,
    timeout: int,
) -> None:
    """Restore a backup into the same or another namespace or cluster.

    The whole backup is checked before anything is changed. Missing Secrets and the Cryostat are created. The operator
    must run in the cluster. The application is stopped while its data is restored; the database is restored in one
    transaction, and all data is compared with the backup.
    Exit status: 0 if everything is restored, otherwise 2.

    \b
    Examples:
      kubectl cryostat restore --from backup-1 --check
      kubectl cryostat restore --from backup-1 -n another-namespace
      kubectl cryostat restore --from backup-1 -n monitoring --overwrite
    """
    from .checked_backup import read_content
    from .folder import open_folder
    from .interruption import exit_on_sigterm
    from .restore import Restore

    passphrase = read_passphrase(passphrase_file, confirm=False)
    command = click.get_current_context()
    command.with_resource(exit_on_sigterm())
    with _errors():
        directory = command.with_resource(_restored_from(source))  # a copy from S3 is removed at the end
        content = read_content(open_folder(directory), passphrase)
    manifest = content.manifest
    click.echo(f"The backup of Cryostat {manifest.namespace}/{manifest.name} from {manifest.created} is complete.")
    if check:
        return

    async def work(client: Client, home: str) -> None:
        from .instance_access import InstanceAccess
        from .interruption import cancel_on_signals

        with _errors(), cancel_on_signals():
            async with _streams(client) as streams:
                access = InstanceAccess(client, streams, namespace or home, manifest.name)
                await Restore(access, content, overwrite, timeout, click.echo, allow_downgrade=allow_downgrade).run()

    run_with_client(context, work)
    click.echo(f"restored: Cryostat {namespace or ''}{'/' if namespace else ''}{manifest.name}")


@asynccontextmanager
async def _streams(client: Client) -> AsyncIterator[PodStreams]:
    """Streams to pods, which log in together with the client."""
    from .pod_connection import PodConnections
    from .pod_streams import PodStreams

    async with aclosing(PodStreams(PodConnections(client.connection, client.renew_credentials))) as streams:
        yield streams


async def _check_target(target: str) -> None:
    """Check an S3 target before the backup is made, which can take long."""
    import os

    from .bucket_copy import check_free, open_service, parse_place

    if place := parse_place(target):
        async with aclosing(open_service(os.environ)) as service:
            await check_free(service, place)


@contextmanager
def _saved_to(target: str) -> Iterator[tuple[Path, Callable[[], Awaitable[None]]]]:
    """The folder to write a backup to, and a function that then copies it to S3 if the target is there."""
    import os

    from .bucket_copy import open_service, parse_place, upload

    place = parse_place(target)

    async def copy() -> None:
        if place:
            async with aclosing(open_service(os.environ)) as service:
                await upload(service, place, directory)

    with tempfile.TemporaryDirectory(prefix="cryostat-backup-") as working:
        directory = Path(working, "backup") if place else Path(target)
        yield directory, copy


@contextmanager
def _restored_from(source: str) -> Iterator[Path]:
    """The folder of a backup, which is copied from S3 if it is there."""
    import asyncio
    import os

    from .bucket_copy import download, open_service, parse_place
    from .interruption import cancel_on_signals

    place = parse_place(source)
    if place is None:
        yield Path(source)
        return

    async def copy(directory: Path) -> None:
        with cancel_on_signals():
            async with aclosing(open_service(os.environ)) as service:
                await download(service, place, directory)

    with tempfile.TemporaryDirectory(prefix="cryostat-backup-") as working:  # mode 0700
        asyncio.run(copy(Path(working)))
        yield Path(working)


@contextmanager
def _errors() -> Iterator[None]:
    """End the program with one sentence after an error."""
    from .manifest import BackupError

    try:
        yield
    except BackupError as error:
        fail(str(error))
    except OSError as error:
        file = f"{error.filename} cannot be used: " if error.filename else ""
        fail(f"{file}{error.strerror or error}.")
