"""Arguments and options that several commands share. A shell completes them with names from the cluster."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from ..kube.errors import ApiError, LoginError
from ..plan.model.kinds import cryostat_path, resource_path
from ..printable import printable

_COMPLETION_SECONDS = 3.0  # a shell waits for its completions
_VALID_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


class _ObjectName(click.ParamType[str]):
    """The name of an object. Another text could lead to another object, because names are a part of URLs."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        is_needed = value or (param and param.required)
        if is_needed and not _VALID_NAME.fullmatch(value):
            self.fail(f"{value!r} is not a name: names have lowercase letters, digits, '-' and '.' only.", param, ctx)
        return str(value)


def cryostat_argument(*, required: bool) -> Callable[[Any], Any]:
    """Return the decorator of the argument NAME, the name of a Cryostat."""
    return click.argument("name", required=required, type=_ObjectName(), shell_complete=_cryostats)


def namespace_option(help: str) -> Callable[[Any], Any]:
    """Return the decorator of the option --namespace.

    Args:
        help: the text of `--help`.
    """
    return click.option("-n", "--namespace", default=None, type=_ObjectName(), shell_complete=_namespaces, help=help)


CONTEXT = click.option(
    "--context",
    default=None,
    shell_complete=lambda ctx, param, text: _contexts(text),
    help="Context of the kubeconfig; default: the current one.",
)


def complete_folders(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem[str]]:
    """Let the shell complete folders."""
    return [CompletionItem(incomplete, type="dir")]


def _contexts(incomplete: str) -> list[str]:
    from ..kube import kubeconfig

    try:
        found = kubeconfig.merged(kubeconfig.files())["contexts"]
    except (LoginError, OSError, TypeError, AttributeError, KeyError):
        return []
    return [str(printable(each)) for each in found if str(each).startswith(incomplete)]


def _namespaces(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return _names(ctx, lambda _: resource_path("", "v1", "namespaces"), incomplete)


def _cryostats(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    return _names(ctx, lambda home: cryostat_path(ctx.params.get("namespace") or home), incomplete)


def _names(ctx: click.Context, path: Callable[[str], str], incomplete: str) -> list[str]:
    """Return the names of a list that begin with a text; none if the list cannot be read in time.

    Args:
        path: returns the URL path of the list for the namespace of the kubeconfig's context.
    """
    import asyncio

    from ..kube.client import Client
    from .login import log_in

    async def read() -> list[str]:
        context = ctx.params.get("context")
        login = await log_in(context)

        async def reconnect() -> Any:
            return (await log_in(context)).connection

        client = Client(login.connection, reconnect)
        try:
            answer = await client.request("GET", path(login.namespace))
        finally:
            await client.close()
        return [str(printable(each["metadata"]["name"])) for each in answer.get("items") or ()]

    try:
        found = asyncio.run(asyncio.wait_for(read(), _COMPLETION_SECONDS))
    except (ApiError, LoginError, OSError):  # TimeoutError is an OSError
        return []
    return [each for each in found if each.startswith(incomplete)]
