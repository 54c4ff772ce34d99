"""The command `must-gather`. Large modules are imported inside of it, so that other commands start fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..inspect.commands import fail, observe, run_with_client
from ..inspect.parameters import CONTEXT, cryostat_argument, namespace_option

if TYPE_CHECKING:
    from ..kube.client import Client


@click.command("must-gather", short_help="Write an archive for a support case.")
@cryostat_argument(required=False)
@namespace_option(help="Namespace of the Cryostat; default: that of the context.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Collect the Cryostats of all namespaces.")
@CONTEXT
@click.option(
    "-f",
    "--file",
    type=click.Path(dir_okay=False),
    default="cryostat-must-gather.tar.gz",
    show_default=True,
    help="Archive to write.",
)
def must_gather(name: str | None, namespace: str | None, all_namespaces: bool, context: str | None, file: str) -> None:
    """Write an archive for a support case: Cryostats, their objects, pods, events and logs, with an index page.

    Values of Secrets and environment variables, and credentials in texts, are removed. No recording is read. The index
    page lists what you may not read. Exit status: 0 if the archive was written, otherwise 2.

    \b
    Examples:
      kubectl cryostat must-gather
      kubectl cryostat must-gather -A -f case-1234.tar.gz
    """
    from pathlib import Path

    if name and all_namespaces:
        raise click.UsageError("NAME and --all-namespaces exclude each other.")

    async def collect(client: Client, default_namespace: str) -> bytes:
        from .archive import archive_bytes
        from .must_gather import gather

        found = await observe(client, "" if all_namespaces else namespace or default_namespace, name)
        return archive_bytes(await gather(client, found), "cryostat-must-gather")

    content = run_with_client(context, collect)
    from .archive import write_archive

    try:
        write_archive(Path(file), content)
    except OSError as error:
        fail(f"{file} cannot be written: {error.strerror}")
    click.echo(f"written: {file}", err=not Path(file).is_file())  # the file may be the standard output
