"""Kubeconfig files, and kubectl as a subprocess."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml


class KubectlError(subprocess.CalledProcessError):
    """kubectl failed; shown with what it said."""

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.stderr}"


def run_kubectl(program: Path, config: Path | None, *arguments: str | Path, input: str | None = None) -> str:
    """Its standard output, with this kubeconfig (None: the caller's own). Raises KubectlError."""
    environment = {**os.environ, **({"KUBECONFIG": str(config)} if config else {})}
    command = [str(program), *map(str, arguments)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, input=input or "")
    if result.returncode:
        raise KubectlError(result.returncode, command, result.stdout, result.stderr)
    return result.stdout


def kubeconfig_text(server: str, ca: Path, token: str, user: str) -> str:
    """A kubeconfig with one context; the CA is embedded so that the file stands alone."""
    cluster = {"server": server, "certificate-authority-data": base64.b64encode(ca.read_bytes()).decode()}
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "embedded",
        "contexts": [{"name": "embedded", "context": {"cluster": "embedded", "user": user}}],
        "clusters": [{"name": "embedded", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
    }
    return yaml.safe_dump(content)
