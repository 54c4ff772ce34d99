"""Runs the credential plugin that the field `exec` of a kubeconfig's user names, as kubectl does.

The input and output of a plugin: https://kubernetes.io/docs/reference/config-api/client-authentication.v1/
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import LoginError

_GROUP = "client.authentication.k8s.io"
_CLUSTER_EXTENSION = f"{_GROUP}/exec"
_CLUSTER_FIELDS = (
    "server",
    "tls-server-name",
    "insecure-skip-tls-verify",
    "certificate-authority-data",
    "proxy-url",
    "disable-compression",
)


async def credentials(plugin: Mapping[str, Any], cluster: Mapping[str, Any], subject: str) -> dict[str, str]:
    """Run a plugin. What it writes to standard error, for example an address to log in at, is shown to the user.

    Args:
        plugin: the field `exec` of a user, with an absolute path if the command is a path.
        cluster: an entry of the kubeconfig, which a plugin with `provideClusterInfo` gets.
        subject: the start of the message of an error: the context.

    Returns:
        Fields of a user in a kubeconfig: `token`, or `client-certificate-data` and `client-key-data`, or all three.

    Raises:
        LoginError: the plugin cannot be run, fails, or returns no credentials.
    """
    command, version = plugin.get("command"), plugin.get("apiVersion")
    if not command or not str(version).startswith(f"{_GROUP}/"):
        raise LoginError(f"{subject}: exec of its user needs command and an apiVersion of {_GROUP}")
    interactive = plugin.get("interactiveMode") != "Never" and sys.stdin is not None and sys.stdin.isatty()
    if plugin.get("interactiveMode") == "Always" and not interactive:
        raise LoginError(f"{subject}: its credential plugin {command} asks for input; run the command in a terminal")
    environment = {str(each["name"]): _text(each.get("value")) for each in plugin.get("env") or ()}
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(_request(plugin, cluster, interactive))
    output = await _output(plugin, environment, interactive, f"{subject}: its credential plugin {command}")
    try:
        return _credentials(output, str(version))
    except ValueError as error:
        raise LoginError(
            f"{subject}: its credential plugin {command} returned no credentials: {error}. "
            "Check exec of the user in the kubeconfig"
        ) from None


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _request(plugin: Mapping[str, Any], cluster: Mapping[str, Any], interactive: bool) -> dict[str, Any]:
    spec: dict[str, Any] = {"interactive": interactive}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = {name: cluster[name] for name in _CLUSTER_FIELDS if cluster.get(name)}
        if cluster.get("certificate-authority") and not cluster.get("certificate-authority-data"):
            content = Path(cluster["certificate-authority"]).read_bytes()
            spec["cluster"]["certificate-authority-data"] = base64.b64encode(content).decode()
        for extension in cluster.get("extensions") or ():
            if extension.get("name") == _CLUSTER_EXTENSION:
                spec["cluster"]["config"] = extension.get("extension")
    return {"kind": "ExecCredential", "apiVersion": plugin["apiVersion"], "spec": spec}


async def _output(plugin: Mapping[str, Any], environment: Mapping[str, str], interactive: bool, subject: str) -> bytes:
    arguments = [str(each) for each in plugin.get("args") or ()]
    try:
        process = await asyncio.create_subprocess_exec(
            str(plugin["command"]),
            *arguments,
            env={**os.environ, **environment},
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError:
        hint = " ".join(str(plugin.get("installHint") or "").split())
        remedy = hint or "Install it, or correct exec.command of the user in the kubeconfig"
        raise LoginError(f"{subject} does not exist. {remedy}") from None
    except OSError as error:
        cause = str(error.strerror).lower()
        remedy = "Check exec.command of the user in the kubeconfig"
        raise LoginError(f"{subject} cannot be run: {cause}. {remedy}") from None
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:  # Ctrl-C
            process.kill()
            await process.wait()
    if process.returncode:
        raise LoginError(f"{subject} failed with exit status {process.returncode}; see its messages")
    return output


def _credentials(output: bytes, version: str) -> dict[str, str]:
    """Return the fields of a user in the output of a plugin; raises ValueError with the reason if there are none."""
    try:
        document = json.loads(output)
    except ValueError:
        raise ValueError("its output is not JSON") from None
    status = document.get("status") if isinstance(document, dict) else None
    if not isinstance(status, dict) or document.get("kind") != "ExecCredential":
        raise ValueError("its output is not an ExecCredential with a status")
    if document.get("apiVersion") != version:
        raise ValueError(f"its output has apiVersion {document.get('apiVersion')}, and the kubeconfig {version}")
    found = {"token": str(status["token"])} if status.get("token") else {}
    certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
    if bool(certificate) != bool(key):
        raise ValueError("its output has only one of clientCertificateData and clientKeyData")
    for field, text in (("client-certificate-data", certificate), ("client-key-data", key)):
        if text:
            found[field] = base64.b64encode(str(text).encode()).decode()
    if not found:
        raise ValueError("its output has neither a token nor a certificate")
    return found
