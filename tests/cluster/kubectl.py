"""Kubeconfig files, and kubectl as a subprocess."""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.api import Api

# Less CPU time: no garbage collection, one thread at a time.
LEAN_KUBECTL = {"GOGC": "off", "GOMEMLIMIT": "200MiB", "GOMAXPROCS": "1"}


class KubectlError(subprocess.CalledProcessError):
    """kubectl failed. The text of the error has kubectl's output."""

    def __str__(self) -> str:
        return f"{super().__str__()}\n{self.stderr}"


def run_kubectl(program: Path, config: Path | None, *arguments: str | Path, input: str | None = None) -> str:
    """Run kubectl with this kubeconfig (None: the caller's) and return its standard output. Raises KubectlError."""
    environment = {**os.environ, **LEAN_KUBECTL, **(configured(config) if config else {})}
    command = [str(program), *map(str, arguments)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, input=input or "")
    if result.returncode:
        raise KubectlError(result.returncode, command, result.stdout, result.stderr)
    return result.stdout


def configured(config: Path) -> dict[str, str]:
    """Variables for kubectl with this kubeconfig. What it caches about a cluster is stored beside the file.

    In the home directory, the cache of an earlier cluster with the same port would be used.
    """
    return {"KUBECONFIG": str(config), "KUBECACHEDIR": str(config.parent / "kubectl-cache")}


def kubeconfig_text(api: Api, token: str, user: str) -> str:
    """A kubeconfig of `user` for the server of `api`, with the CA embedded."""
    cluster: dict[str, Any] = {"server": api.server}
    if api.ca_file:
        cluster["certificate-authority-data"] = base64.b64encode(api.ca_file.read_bytes()).decode()
    if api.insecure:
        cluster["insecure-skip-tls-verify"] = True
    content: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "cryostat",
        "contexts": [{"name": "cryostat", "context": {"cluster": "cryostat", "user": user}}],
        "clusters": [{"name": "cryostat", "cluster": cluster}],
        "users": [{"name": user, "user": {"token": token}}],
    }
    return yaml.safe_dump(content)


def api_of_kubeconfig() -> Api:
    """A client for the current context of the caller's KUBECONFIG. It supports all authentication methods."""
    from kubernetes import client, config  # the import takes a second; only this function needs it

    configuration: Any = client.Configuration()
    config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    tls: dict[str, Any] = {"ca_certs": configuration.ssl_ca_cert}
    if configuration.cert_file:
        tls |= {"cert_file": configuration.cert_file, "key_file": configuration.key_file}
    if not configuration.verify_ssl:
        tls["cert_reqs"] = "CERT_NONE"
    login = configuration.get_api_key_with_prefix("authorization") or configuration.get_api_key_with_prefix(
        "BearerToken"
    )
    headers = {"Authorization": login} if login else {}
    return Api(configuration.host, {key: value for key, value in tls.items() if value}, headers)
