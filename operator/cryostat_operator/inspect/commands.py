"""The command `status`, and what other commands share. Large modules are imported in functions for a fast start."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NoReturn

import click

from .parameters import CONTEXT, cryostat_argument, namespace_option

if TYPE_CHECKING:
    from ..kube.client import Client
    from .cause import Cause
    from .observed import Observed

READY, NOT_READY, UNUSABLE = 0, 1, 2
_WATCH_SECONDS = 2.0


@click.command(short_help="Show instances, and why one is not ready.")
@cryostat_argument(required=False)
@namespace_option(help="Namespace of the Cryostat; default: that of the context.")
@click.option("-A", "--all-namespaces", is_flag=True, help="Show the Cryostats of all namespaces.")
@CONTEXT
@click.option("-w", "--watch", is_flag=True, help="Show the state again whenever it changes, until Ctrl-C.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json", "yaml"]),
    default="text",
    show_default=True,
    help="Output format.",
)
def status(
    name: str | None, namespace: str | None, all_namespaces: bool, context: str | None, watch: bool, output: str
) -> None:
    """Show the state of Cryostats: objects, conditions, address, login, certificates, and what is not ready and why.

    Without NAME, all Cryostats of the namespace are shown. Your own permissions are used: the output lists what you may
    not read. Values of Secrets are not shown. Colors are used on a terminal unless NO_COLOR is set.
    Exit status: 0 if all are ready, 1 if one is not, 2 if nothing could be read.

    \b
    Examples:
      kubectl cryostat status
      kubectl cryostat status cryostat-sample --watch
      kubectl cryostat status -A -o json
    """
    if name and all_namespaces:
        raise click.UsageError("NAME and --all-namespaces exclude each other.")

    async def show(client: Client, default_namespace: str) -> bool:
        searched = "" if all_namespaces else namespace or default_namespace
        shown = ""
        while True:
            found = await observe(client, searched, name)
            text = _text(found, output)
            if text != shown:
                _print(text, clear=watch and bool(shown))
            shown = text
            if not watch:
                return all(observed.ready for observed, _ in found)
            await _sleep(_WATCH_SECONDS)

    try:
        ready = run_with_client(context, show)
    except KeyboardInterrupt:
        if not watch:
            raise
        ready = True
    sys.exit(READY if ready else NOT_READY)


def run_with_client(context: str | None, work: Callable[[Client, str], Awaitable[Any]]) -> Any:
    """Log in and run `work` with the client and the namespace of the context.

    An error of the login or of the API server ends the program with one sentence and exit status 2.
    """
    import asyncio

    from ..kube.client import Client
    from ..kube.errors import ApiError, LoginError
    from .explanation import explanation
    from .login import log_in

    server = ""

    async def log_in_and_work() -> Any:
        nonlocal server
        login = await log_in(context)
        server = login.connection.server

        async def reconnect() -> Any:
            return (await log_in(context)).connection

        client = Client(login.connection, reconnect)
        try:
            return await work(client, login.namespace)
        finally:
            await client.close()

    try:
        return asyncio.run(log_in_and_work())
    except (ApiError, LoginError) as error:
        fail(explanation(error, server))


def require_usable_kubeconfig() -> None:
    """End the program with one sentence if the kubeconfig cannot be used; do nothing in a pod.

    An API server that cannot be reached is no error here: the operator waits for it.
    """
    import asyncio

    from ..kube.client import Client
    from ..kube.errors import ApiError, LoginError
    from .explanation import explanation, is_lasting
    from .login import SERVICE_ACCOUNT, log_in

    if (SERVICE_ACCOUNT / "token").exists():
        return
    server = ""

    async def reconnect() -> Any:
        return (await log_in()).connection

    async def ask() -> None:
        nonlocal server
        connection = await reconnect()
        server = connection.server
        client = Client(connection, reconnect)
        try:
            await client.request("GET", "/version")
        finally:
            await client.close()

    try:
        asyncio.run(ask())
    except (ApiError, LoginError) as error:
        if is_lasting(error):
            fail(explanation(error, server, has_context_option=False))


def fail(message: str) -> NoReturn:
    """End the program with a message and exit status 2."""
    click.echo(f"Error: {message}", err=True)
    sys.exit(UNUSABLE)


async def observe(client: Client, namespace: str, name: str | None) -> list[tuple[Observed, list[Cause]]]:
    """Read one Cryostat, or all of a namespace (empty: of all namespaces), each with its causes.

    If there is none, the program ends with a message and exit status 2.
    """
    from .instance_causes import causes
    from .instance_reader import InstanceReader, cryostats
    from .operator_reader import creation_failure

    found = await cryostats(client, namespace, name)
    if not found:
        place = f"in namespace {namespace}" if namespace else "in any namespace"
        failure = await creation_failure(client, namespace) if namespace else ""
        fail(f"There is no Cryostat {place}. {failure or 'Use -n NAMESPACE or -A.'}")
    reader = InstanceReader(client)
    instances = [await reader.observe(each) for each in found]
    return [(observed, causes(observed, time.time())) for observed in instances]


def _text(found: list[tuple[Observed, list[Cause]]], output: str) -> str:
    now = time.time()
    if output == "text":
        from .tree import lines

        return "\n\n".join("\n".join(lines(observed, now, causes)) for observed, causes in found)
    from .report import report

    data = {"instances": [report(observed, now, causes) for observed, causes in found]}
    if output == "json":
        return json.dumps(data, indent=2, ensure_ascii=False)
    from ..plan.yaml_text import documents

    return documents([data]).rstrip("\n")


def _print(text: str, *, clear: bool) -> None:
    import os

    if clear and sys.stdout.isatty():
        click.clear()
    click.echo(text, color=False if os.environ.get("NO_COLOR") else None)


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)
