"""The command `run`. Large modules are imported in the function, so that other commands start fast."""

from __future__ import annotations

import errno
import os
import sys

import click

from .command_input import settings_of_environment
from .inspect import commands

_PORT = click.IntRange(0, 65535)  # 0: any free port


@click.command(short_help="Run the operator until it is stopped.")
@click.option("--host", default="", help="Address to listen on; default: all addresses, IPv4 and IPv6.")
@click.option(
    "--port",
    type=_PORT,
    default=8081,
    show_default=True,
    help="Port of /healthz and /readyz, and of /metrics for local clients.",
)
@click.option("--webhook-port", type=_PORT, default=9443, show_default=True, help="Port of the webhooks.")
@click.option(
    "--log-format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Format of log lines."
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="Lowest level to log.",
)
def run(host: str, port: int, webhook_port: int, log_format: str, log_level: str) -> None:
    """Run the operator until it is stopped.

    In a pod it uses the ServiceAccount of the pod, elsewhere the kubeconfig (KUBECONFIG, or ~/.kube/config). It waits
    for an API server that does not answer, and ends if the kubeconfig cannot be used.

    \b
    Examples:
      cryostat-operator run
      KUBECONFIG=~/.kube/config cryostat-operator run --port 0 --log-format json
    """
    import asyncio
    import gc
    import signal
    import socket

    import uvloop

    from . import handlers, logs
    from .kube.errors import LoginError

    settings = settings_of_environment()
    commands.require_usable_kubeconfig()
    logs.configure(json=log_format == "json", level=log_level.upper())

    async def until_stopped() -> None:
        task = asyncio.create_task(handlers.run(settings, host, port, webhook_port))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return

    gc.freeze()  # imported modules are never garbage, so the collector can skip them
    try:
        uvloop.run(until_stopped())
    except LoginError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        is_address = error.errno in (errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES)
        if error.filename or not (is_address or isinstance(error, socket.gaierror)):
            raise
        remedy = "Choose other addresses with --host, --port and --webhook-port."
        raise click.ClickException(f"The operator cannot listen: {error.strerror}. {remedy}") from None
    except handlers.CrdNotServedError as error:
        # Restart in place: outside a container, nothing else restarts the process.
        logs.logger.warning("%s", error)
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - the same command line
