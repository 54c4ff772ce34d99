"""Reads the kubeconfig as kubectl does. The official client library runs credential plugins and OpenID Connect."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .errors import LoginError

# The fields of a user that make requests act as another user.
IMPERSONATION = ("as", "as-uid", "as-groups", "as-user-extra")


def files() -> list[Path]:
    """Return the existing files of KUBECONFIG, else `~/.kube/config`."""
    paths = (os.environ.get("KUBECONFIG") or "~/.kube/config").split(os.pathsep)
    return [file for file in (Path(path).expanduser() for path in paths if path) if file.exists()]


def merged(found: list[Path]) -> dict[str, Any]:
    """Return the files as kubectl merges them: the first entry of a name takes precedence. Paths become absolute.

    Returns:
        `current`: the name of the current context; `clusters`, `users` and `contexts`: by their names.

    Raises:
        LoginError: a file cannot be read, or is no kubeconfig.
    """
    config: dict[str, Any] = {"current": "", "clusters": {}, "users": {}, "contexts": {}}
    for file in found:
        document = _document(file)
        config["current"] = config["current"] or document.get("current-context") or ""
        for plural in ("clusters", "users", "contexts"):
            for entry in document.get(plural) or ():
                content = entry.get(plural[:-1]) or {}
                config[plural].setdefault(entry["name"], _absolute(content, file.parent))
    return config


def _document(file: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(file.read_text()) or {}
    except OSError as error:
        raise LoginError(f"the kubeconfig {file} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f", see line {line + 1}" if line is not None else ""
        raise LoginError(f"the kubeconfig {file} is not YAML{where}") from None
    if not isinstance(document, dict):
        raise LoginError(f"the file {file} is not a kubeconfig")
    return document


def _absolute(content: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    names = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
    return {key: str(directory / value) if key in names and value else value for key, value in content.items()}


def user_of(config: Mapping[str, Any], context: str) -> dict[str, Any]:
    """Return the user of a context in a merged kubeconfig; empty if there is none."""
    found = config["contexts"].get(context) or {}
    return dict(config["users"].get(found.get("user")) or {})


async def configuration_of_library(context: str | None) -> tuple[Any, str]:
    """Ask the Kubernetes client for what needs a credential plugin or OpenID Connect.

    Args:
        context: name of a context of the kubeconfig; the current one if None.

    Returns:
        The `Configuration` of the library, and the header `Authorization`. The header is empty if the user has a
        client certificate instead.

    Raises:
        LoginError: the context cannot be used, or its plugin returned no credentials.
    """
    from kubernetes.aio import config
    from kubernetes.aio.client import Configuration

    configuration = Configuration()
    subject = "KUBECONFIG cannot be used" if context is None else f"context {context!r} of the kubeconfig"
    try:
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=os.environ.get("KUBECONFIG") or None, context=context, client_configuration=configuration
        )
    except config.ConfigException as error:
        raise LoginError(f"{subject}: {error}") from None
    authorization = str(await configuration.get_api_key_with_prefix("BearerToken") or "")
    if not authorization and not configuration.cert_file:
        # The library only logs why a plugin failed.
        command = "kubectl get namespaces" if context is None else f"kubectl --context {context} get namespaces"
        raise LoginError(f"{subject}: its credential plugin returned no credentials; `{command}` shows why")
    return configuration, authorization
