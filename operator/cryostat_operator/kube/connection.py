"""The address of the API server and the credentials for it: of the pod's ServiceAccount, or from KUBECONFIG.

kopf's own login functions read tokens and certificates, and `credential_plugin` runs credential plugins. For all else,
such as OpenID Connect, the official client library is loaded.
"""

from __future__ import annotations

import datetime
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import yaml

from . import kubeconfig
from .credential_plugin import credentials
from .errors import LoginError
from .http_proxy import proxy_for

if TYPE_CHECKING:
    from .kopf_import import kopf  # imported in functions: commands that need no kopf start faster

_TOKEN_REREAD_SECONDS = 60.0  # until a token file is read again; the kubelet renews it long before it expires
_KOPF_USER_FIELDS = frozenset(
    {"token", "username", "password", "auth-provider"}
    | {f"client-{what}{kind}" for what in ("certificate", "key") for kind in ("", "-data")}
)


class Connection:
    """The address of an API server, with credentials. A ServiceAccount token is read again as the kubelet renews it.

    Args:
        info: address and credentials.
        rotates: whether they are those of the pod's ServiceAccount, whose token changes.
    """

    def __init__(self, info: kopf.ConnectionInfo, *, rotates: bool = False) -> None:
        self._info = info
        self._rotates = rotates
        self._read_at = time.monotonic()

    @property
    def server(self) -> str:
        """URL of the API server, without a slash at the end."""
        return self._info.server.rstrip("/")

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """The TLS context: trusted authorities and, if there is one, the client certificate."""
        return self._info.as_ssl_context()

    @property
    def request_options(self) -> dict[str, Any]:
        """Options of each request of aiohttp: `proxy` if there is one.

        In a pod, the environment is not read. OLM sets the proxy of the cluster there, and connections to the API
        server must not use it.
        """
        if self._rotates:
            return {}
        proxy = proxy_for(self.server, self._info.proxy_url, os.environ)
        return {"proxy": proxy} if proxy else {}

    def headers(self) -> dict[str, str]:
        """Return the headers that log in. A renewed token is used within a minute."""
        if self._rotates and time.monotonic() - self._read_at > _TOKEN_REREAD_SECONDS:
            self._info, self._read_at = _service_account() or self._info, time.monotonic()
        return self._info.as_http_headers()

    def for_kopf(self, lifetime: datetime.timedelta) -> kopf.ConnectionInfo:
        """Return address and credentials for kopf, which calls its login handler again after this time."""
        proxy = self.request_options.get("proxy")
        return replace(self._info, proxy_url=proxy, expiration=datetime.datetime.now(datetime.UTC) + lifetime)


async def connect() -> Connection:
    """Return the connection to the cluster of this pod, else to that of KUBECONFIG or `~/.kube/config`.

    Raises:
        LoginError: there is neither, or a file cannot be used.
    """
    from .kopf_import import kopf

    info = _service_account()
    if info:
        return Connection(info, rotates=True)
    try:
        files = kubeconfig.files()
        if not files:
            raise LoginError(kubeconfig.no_cluster())
        config = kubeconfig.merged(files)
        user = kubeconfig.user_of(config, config["current"])
        _check_impersonation(user, config["current"])
        if user.get("exec"):
            info = await _with_plugin(config, user)
        elif set(user) - _KOPF_USER_FIELDS:
            info = await _with_library(config["current"])
        else:
            info = kopf.login_with_kubeconfig(settings=kopf.OperatorSettings())
        if info is not None and info.server:
            proxy_for(info.server, info.proxy_url, os.environ)  # raises if it cannot be used
    except (OSError, AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError, kopf.LoginError) as error:
        raise LoginError(kubeconfig.unusable(error)) from None
    if info is None or not info.server:
        raise LoginError(kubeconfig.no_cluster())
    return Connection(info)


def _service_account() -> kopf.ConnectionInfo | None:
    from .kopf_import import kopf

    info = kopf.login_with_service_account(settings=kopf.OperatorSettings())
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if info is None or not host or not port:
        return info
    # kopf uses the DNS name of the server. Other clients use these variables of the kubelet: they work while the DNS
    # of the cluster does not, and some providers set them to another address.
    return replace(info, server=f"https://{f'[{host}]' if ':' in host else host}:{port}")


def _check_impersonation(user: Mapping[str, Any], context: str) -> None:
    """Refuse fields that make requests act as another user. Neither kopf nor the library uses them."""
    for field in kubeconfig.IMPERSONATION:
        if user.get(field):
            raise LoginError(
                f"the user of context {context!r} of the kubeconfig has {field}, which the operator does not "
                "support; use the credentials of the ServiceAccount or user that it should act as"
            )


async def _with_plugin(config: Mapping[str, Any], user: Mapping[str, Any]) -> kopf.ConnectionInfo:
    from .kopf_import import kopf

    context = config["contexts"][config["current"]]
    cluster = config["clusters"].get(context.get("cluster")) or {}
    found = await credentials(user["exec"], cluster, f"context {config['current']!r} of the kubeconfig")
    return kopf.ConnectionInfo(
        server=str(cluster.get("server") or ""),
        ca_path=None if cluster.get("certificate-authority-data") else cluster.get("certificate-authority"),
        ca_data=cluster.get("certificate-authority-data"),
        insecure=cluster.get("insecure-skip-tls-verify"),
        certificate_data=found.get("client-certificate-data"),
        private_key_data=found.get("client-key-data"),
        token=found.get("token"),
        proxy_url=cluster.get("proxy-url"),
    )


async def _with_library(context: str) -> kopf.ConnectionInfo:
    from .kopf_import import kopf

    configuration, authorization = await kubeconfig.configuration_of_library(context)
    return kopf.ConnectionInfo(
        server=str(configuration.host),
        ca_path=configuration.ssl_ca_cert,
        insecure=None if configuration.verify_ssl else True,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
        token=authorization.partition(" ")[2] or authorization or None,
        proxy_url=str(configuration.proxy) if configuration.proxy else None,
    )
