"""Reads the kubeconfig as kubectl does. The official client library is used for OpenID Connect."""

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


def no_cluster() -> str:
    """Return why neither a kubeconfig nor a pod names a cluster."""
    named = os.environ.get("KUBECONFIG")
    if not named:
        cause = "neither KUBECONFIG nor ~/.kube/config names one"
        return f"no cluster: not in a pod, and {cause}. Set the variable KUBECONFIG to a kubeconfig with a cluster"
    cause = "names no cluster" if files() else "does not exist"
    return f"no cluster: not in a pod, and the kubeconfig {named} {cause}. Correct the variable KUBECONFIG"


def unusable(error: Exception) -> str:
    """Return which kubeconfig cannot be used, and why."""
    names = os.pathsep.join(str(file) for file in files())
    return f"the kubeconfig {names} cannot be used: {type(error).__name__} {error}. Correct it"


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
                config[plural].setdefault(entry["name"], _absolute(content, file.parent.absolute()))
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
    found = dict(content) | {key: str(directory / content[key]) for key in names if content.get(key)}
    plugin = content.get("exec") or {}
    command = str(plugin.get("command") or "")
    if os.sep in command:  # any other command is searched on the PATH
        found["exec"] = {**plugin, "command": str(directory / command)}
    return found


def user_of(config: Mapping[str, Any], context: str) -> dict[str, Any]:
    """Return the user of a context in a merged kubeconfig; empty if there is none."""
    found = config["contexts"].get(context) or {}
    return dict(config["users"].get(found.get("user")) or {})


async def configuration_of_library(context: str) -> tuple[Any, str]:
    """Let the Kubernetes client library log in, for example with OpenID Connect.

    Args:
        context: name of a context of the kubeconfig.

    Returns:
        The `Configuration` of the library, and the header `Authorization`. The header is empty if the user has a
        client certificate instead.

    Raises:
        LoginError: the context cannot be used, or its `auth-provider` returned no credentials.
    """
    from kubernetes.aio import config
    from kubernetes.aio.client import Configuration

    configuration = Configuration()
    subject = f"context {context!r} of the kubeconfig"
    try:
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=os.environ.get("KUBECONFIG") or None, context=context, client_configuration=configuration
        )
    except config.ConfigException as error:
        raise LoginError(f"{subject}: {error}") from None
    authorization = str(await configuration.get_api_key_with_prefix("BearerToken") or "")
    if not authorization and not configuration.cert_file:
        raise LoginError(
            f"{subject}: its user has no credentials that can be used; "
            f"`kubectl --context {context} get namespaces` shows why"
        )
    return configuration, authorization
