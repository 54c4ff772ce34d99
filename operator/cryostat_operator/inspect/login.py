"""Logs in as the user of KUBECONFIG, or as the ServiceAccount of the pod, without kopf, so that commands start fast."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..kube import kubeconfig
from ..kube.connection import Connection
from ..kube.credential_plugin import credentials
from ..kube.errors import LoginError
from ..kube.http_proxy import proxy_for
from .tls_context import tls_context

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_SIMPLE_USER_FIELDS = frozenset({"token", "tokenFile", "username", "password"}) | {
    f"client-{part}{suffix}" for part in ("certificate", "key") for suffix in ("", "-data")
}
# Fields of a user that make requests act as another user, and the header of each.
_IMPERSONATION = {"as": "Impersonate-User", "as-uid": "Impersonate-Uid"}


class UserConnection(Connection):
    """An API server with the credentials of a user, which are valid for as long as one command runs."""

    def __init__(
        self,
        server: str,
        context: ssl.SSLContext,
        headers: Mapping[str, str],
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._server = server.rstrip("/")
        self._context = context
        self._headers = dict(headers)
        self._options = dict(options or {})

    @property
    def server(self) -> str:
        return self._server

    @property
    def ssl_context(self) -> ssl.SSLContext:
        return self._context

    @property
    def request_options(self) -> dict[str, Any]:
        return dict(self._options)

    def headers(self) -> dict[str, str]:
        """Return the headers that log in."""
        return dict(self._headers)


@dataclass(frozen=True)
class Login:
    """The login of a command.

    Attributes:
        connection: the API server and the credentials.
        namespace: namespace of the kubeconfig's context, `default` if it has none.
    """

    connection: Connection
    namespace: str


async def log_in(context: str | None = None) -> Login:
    """Log in to the cluster of KUBECONFIG or `~/.kube/config`; in a pod without either, as its ServiceAccount.

    Args:
        context: name of a context of the kubeconfig; the current one if None.

    Raises:
        LoginError: no cluster is configured, or the configuration cannot be used.
    """
    try:
        config = kubeconfig.merged(kubeconfig.files())
        if config["clusters"]:
            return await _from_kubeconfig(config, context)
    except (OSError, ValueError, TypeError, AttributeError, KeyError, yaml.YAMLError) as error:
        raise LoginError(kubeconfig.unusable(error)) from None
    return _service_account()


async def _from_kubeconfig(config: Mapping[str, Any], name: str | None) -> Login:
    name = name or config["current"]
    context = config["contexts"].get(name)
    if context is None:
        raise LoginError(f"the kubeconfig has no context {name!r}; `kubectl config get-contexts` lists them")
    cluster = config["clusters"].get(context.get("cluster")) or {}
    user = kubeconfig.user_of(config, name)
    if not cluster.get("server"):
        raise LoginError(f"context {name!r} of the kubeconfig names no cluster with a server; correct its cluster")
    _check_impersonation(user, name)
    if plugin := user.pop("exec", None):
        user |= await credentials(plugin, cluster, f"context {name!r} of the kubeconfig")
    if set(user) - _SIMPLE_USER_FIELDS - _IMPERSONATION.keys():
        configuration, authorization = await kubeconfig.configuration_of_library(name)
        files = {"client-certificate": configuration.cert_file, "client-key": configuration.key_file}
        user = {**user, **{field: str(path) for field, path in files.items() if path}}
    else:
        authorization = _authorization(user)
    headers = {"Authorization": authorization} if authorization else {}
    headers |= {header: str(user[field]) for field, header in _IMPERSONATION.items() if user.get(field)}
    connection = UserConnection(cluster["server"], tls_context(cluster, user), headers, _request_options(cluster))
    return Login(connection, context.get("namespace") or "default")


def _check_impersonation(user: Mapping[str, Any], context: str) -> None:
    """Refuse fields of impersonation that are not supported: the command would act with other permissions."""
    for field in ("as-groups", "as-user-extra"):
        if user.get(field):
            raise LoginError(
                f"the user of context {context!r} of the kubeconfig has {field}, which is not supported; "
                "use a context without this field"
            )


def _request_options(cluster: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of each request: the proxy, and the name that the API server's certificate must have."""
    proxy = proxy_for(cluster["server"], cluster.get("proxy-url"), os.environ)
    options = {"proxy": proxy, "server_hostname": cluster.get("tls-server-name")}
    return {key: value for key, value in options.items() if value}


def _authorization(user: Mapping[str, Any]) -> str:
    if user.get("tokenFile"):
        return f"Bearer {Path(user['tokenFile']).read_text().strip()}"
    if user.get("token"):
        return f"Bearer {user['token']}"
    if user.get("username"):
        pair = f"{user['username']}:{user.get('password', '')}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return ""


def _service_account() -> Login:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    if not host or not port or not (SERVICE_ACCOUNT / "token").exists():
        raise LoginError(kubeconfig.no_cluster())
    try:
        context = ssl.create_default_context(cafile=str(SERVICE_ACCOUNT / "ca.crt"))
        token = (SERVICE_ACCOUNT / "token").read_text().strip()
        namespace = (SERVICE_ACCOUNT / "namespace").read_text().strip()
    except (OSError, ValueError) as error:
        text = f"the ServiceAccount of the pod cannot be used: {type(error).__name__} {error}"
        raise LoginError(f"{text}. Set the variable KUBECONFIG to a kubeconfig") from None
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    return Login(UserConnection(server, context, {"Authorization": f"Bearer {token}"}), namespace)
