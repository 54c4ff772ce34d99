"""Reads what several commands need: the settings of the environment, and a Cryostat in a file."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .api.v1beta2 import Cryostat
    from .settings import Settings


def settings_of_environment(tls: bool | None = None) -> Settings:
    """Return the settings that environment variables contain.

    Args:
        tls: whether components encrypt their traffic; None: as the variable DISABLE_SERVICE_TLS says.

    Raises:
        ClickException: a variable has a value that is not valid.
    """
    from .settings import Settings, SettingsError

    try:
        settings = Settings.from_env(os.environ, _resolver())
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    return settings if tls is None else replace(settings, service_tls=tls)


def _resolver() -> str:
    """Return the content of the file that the kubelet writes for each pod."""
    with suppress(OSError):
        return Path("/etc/resolv.conf").read_text(errors="replace")
    return ""


def text_of(file: Any) -> str:
    """Return the content of an open text file with a name.

    Raises:
        ClickException: it is not text in UTF-8.
    """
    try:
        return str(file.read())
    except UnicodeDecodeError:
        raise click.ClickException(f"{file.name} is not text in UTF-8.") from None


def cryostat_in_file(file: Any, namespace: str) -> Cryostat:
    """Return the only Cryostat in a YAML file, which may contain other documents and lists.

    Args:
        file: an open text file with a name.
        namespace: of the Cryostat if the file does not set one.

    Raises:
        ClickException: the file is not YAML, does not contain exactly one Cryostat, or the Cryostat is not valid.
    """
    from .api.documents import DocumentError, cryostat_in
    from .api.validation import InvalidCryostatError, read_cryostat, unknown_fields

    try:
        document = {"spec": {}, **cryostat_in(text_of(file), namespace)}
        cryostat = read_cryostat(document)
    except DocumentError as error:
        raise click.ClickException(f"{file.name} {error}") from None
    except InvalidCryostatError as error:
        problems = "".join(f"\n  {problem}" for problem in error.problems)
        raise click.ClickException(f"{file.name}: the Cryostat is not valid:{problems}") from None
    for field in unknown_fields(document, cryostat):
        click.echo(f"warning: {file.name}: the field {field} does not exist and is ignored.", err=True)
    return cryostat


def in_namespace(cryostat: Cryostat, namespace: str) -> Cryostat:
    """Return the Cryostat, in this namespace if it has none."""
    if cryostat.metadata["namespace"]:
        return cryostat
    return cryostat.model_copy(update={"metadata": {**cryostat.metadata, "namespace": namespace}})
