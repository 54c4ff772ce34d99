"""Where the API server is and how to log in: as the pod's ServiceAccount, or as KUBECONFIG says.

kopf's own readers understand tokens and certificates. What needs more (credential plugins, OpenID Connect, …) is left
to the official client library, which is loaded only then.
"""

from __future__ import annotations

import datetime
import os
import ssl
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from .kopf_import import kopf  # imported in functions: commands that need no kopf start faster

_TOKEN_LASTS = 60.0  # seconds until a token file is read again; the kubelet renews it long before it expires
_KOPF_READS = frozenset(
    {"token", "username", "password", "auth-provider"}
    | {f"client-{what}{kind}" for what in ("certificate", "key") for kind in ("", "-data")}
)


class LoginError(Exception):
    """There is no cluster to talk to, or no way to log in there."""


class Connection:
    """An endpoint with credentials that are kept fresh."""

    def __init__(self, info: kopf.ConnectionInfo, *, rotates: bool = False) -> None:
        self._info = info
        self._rotates = rotates
        self._read = time.monotonic()

    @property
    def server(self) -> str:
        return self._info.server.rstrip("/")

    @property
    def ssl_context(self) -> ssl.SSLContext:
        return self._info.as_ssl_context()

    def headers(self) -> dict[str, str]:
        """Headers that log in; a rotated token is noticed within a minute."""
        if self._rotates and time.monotonic() - self._read > _TOKEN_LASTS:
            self._info, self._read = _service_account() or self._info, time.monotonic()
        return self._info.as_http_headers()

    def for_kopf(self, lasts: datetime.timedelta) -> kopf.ConnectionInfo:
        """The same for kopf, which asks again when it expires."""
        return replace(self._info, expiration=datetime.datetime.now(datetime.UTC) + lasts)


async def connect() -> Connection:
    """The cluster of this pod, else of KUBECONFIG or `~/.kube/config`.

    Raises:
        LoginError: there is neither, or a file cannot be used.
    """
    from .kopf_import import kopf

    info = _service_account()
    if info:
        return Connection(info, rotates=True)
    try:
        if _needs_library():
            return Connection(await _by_library())
        info = kopf.login_with_kubeconfig(settings=kopf.OperatorSettings())
    except (OSError, KeyError, TypeError, yaml.YAMLError, kopf.LoginError) as error:
        raise LoginError(f"KUBECONFIG cannot be used: {type(error).__name__} {error}") from None
    if info is None or not info.server:
        raise LoginError("no cluster: not in a pod, and neither KUBECONFIG nor ~/.kube/config names one")
    return Connection(info)


def _service_account() -> kopf.ConnectionInfo | None:
    from .kopf_import import kopf

    info = kopf.login_with_service_account(settings=kopf.OperatorSettings())
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if info is None or not host or not port:
        return info
    # kopf knows the server by its DNS name. The kubelet's variables are what other clients use: they work while the
    # cluster's DNS does not, and where a provider puts an address of its own into them.
    return replace(info, server=f"https://{f'[{host}]' if ':' in host else host}:{port}")


def _needs_library() -> bool:
    """Whether a user in the kubeconfig logs in by something that kopf cannot do."""
    paths = (os.environ.get("KUBECONFIG") or "~/.kube/config").split(os.pathsep)
    files = [Path(path).expanduser() for path in paths if path]
    users = [
        entry.get("user") or {}
        for file in files
        if file.exists()
        for entry in (yaml.safe_load(file.read_text()) or {}).get("users") or ()
    ]
    return any(set(user) - _KOPF_READS for user in users)


async def _by_library() -> kopf.ConnectionInfo:
    from kubernetes.aio import config
    from kubernetes.aio.client import Configuration

    from .kopf_import import kopf

    configuration = Configuration()
    await config.load_kube_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    token = str(await configuration.get_api_key_with_prefix("BearerToken") or "")
    return kopf.ConnectionInfo(
        server=str(configuration.host),
        ca_path=configuration.ssl_ca_cert,
        insecure=None if configuration.verify_ssl else True,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        token=token.partition(" ")[2] or token or None,
    )
