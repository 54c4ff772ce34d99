"""The application's checks of agents: registration, tokens, published nodes."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

TOKEN_HEADER = "Cryostat-Discovery-Authentication"
Resolve = Callable[[str], Sequence[str]]
Ping = Callable[[str, int], None]


class RefusedError(Exception):
    """A request is refused with this HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Plugin:
    """A registered agent.

    Attributes:
        address: the client's address at registration. Tokens are valid only for this address.
        credentials: the number of the credentials for the callback.
        nodes: the nodes that the agent published.
    """

    id: str
    realm: str
    callback: str
    address: str
    token: str
    credentials: int = 0
    nodes: list[dict[str, Any]] = field(default_factory=list)


class Registry:
    """The agents of the application.

    Args:
        tls_required: whether callbacks must be https (CRYOSTAT_AGENT_TLS_REQUIRED).
        resolve: the addresses of a host name; raises OSError for a name that does not exist.
        ping: calls an agent at its callback with the stored credentials of a number; raises RefusedError.
    """

    def __init__(self, *, tls_required: bool, resolve: Resolve, ping: Ping) -> None:
        self.plugins: dict[str, Plugin] = {}
        self._tls_required = tls_required
        self._resolve = resolve
        self._ping = ping

    def register(self, body: Mapping[str, Any], address: str) -> Plugin:
        """Create a registration, or a new token for an existing one. Raises RefusedError."""
        given = str(body.get("callback") or "")
        self._check_callback(given, address)
        callback = _without_login(given)
        realm = str(body.get("realm") or "")
        if not realm:
            raise RefusedError(400, "realm cannot be blank")
        if body.get("id") and body.get("token"):
            plugin = self.check(str(body["id"]), str(body["token"]), address)
            if plugin.realm != realm:
                raise RefusedError(403, "another realm")
            if plugin.callback != callback:
                raise RefusedError(400, "plugin callback mismatch")
        else:
            plugin = self._existing(callback, realm) or self._new(given, realm, address)
        plugin.address = address
        plugin.token = secrets.token_urlsafe(24)
        return plugin

    def check(self, plugin: str, token: str | None, address: str) -> Plugin:
        """The registration of a request with this token. Raises RefusedError."""
        found = self.plugins.get(plugin)
        if found is None:
            raise RefusedError(404, f"no registration {plugin}")
        if not token:
            raise RefusedError(401, "Token cannot be blank")
        if token != found.token:
            raise RefusedError(401, "Provided JWT was invalid")
        if address != found.address:
            raise RefusedError(401, f"the token was given to {found.address}, not to {address}")
        return found

    def publish(self, plugin: Plugin, body: Any, *, context: bool) -> None:
        """Replace the nodes of an agent. With `context`, the body names the place of the nodes. Raises RefusedError."""
        nodes = body.get("nodes") if context and isinstance(body, dict) else body
        if not isinstance(nodes, list):
            raise RefusedError(400, "nodes must be a list")
        if context and body.get("fillStrategy") == "KUBERNETES":
            given = body.get("context") or {}
            for key in ("namespace", "nodetype", "name"):
                if not given.get(key):
                    raise RefusedError(400, f"{key} cannot be blank")
        for node in nodes:
            if not node.get("target", {}).get("connectUrl"):
                raise RefusedError(400, "a node needs a target with connectUrl")
        plugin.nodes = nodes

    def deregister(self, plugin: Plugin) -> None:
        """Remove a registration and its nodes."""
        del self.plugins[plugin.id]

    def targets(self) -> list[dict[str, Any]]:
        """All published targets."""
        return [node["target"] for plugin in self.plugins.values() for node in plugin.nodes]

    def _new(self, given: str, realm: str, address: str) -> Plugin:
        """Register an agent that responds at its callback. Raises RefusedError."""
        number, callback = _stored_credentials(given), _without_login(given)
        self._ping(callback, number)
        plugin = Plugin(str(uuid.uuid4()), realm, callback, address, "", number)
        self.plugins[plugin.id] = plugin
        return plugin

    def _existing(self, callback: str, realm: str) -> Plugin | None:
        found = (each for each in self.plugins.values() if (each.callback, each.realm) == (callback, realm))
        return next(found, None)

    def _check_callback(self, callback: str, address: str) -> None:
        if not callback:
            raise RefusedError(400, "callback cannot be blank")
        parts = urlsplit(callback)
        if not parts.scheme or not parts.hostname:
            raise RefusedError(400, "callback must contain scheme and host")
        if self._tls_required and parts.scheme != "https":
            raise RefusedError(400, "TLS for agent connections is required by (cryostat.agent.tls.required)")
        try:
            addresses = self._resolve(parts.hostname)
        except OSError as error:
            raise RefusedError(400, f"callback host could not be resolved: {callback}") from error
        if address not in addresses:
            raise RefusedError(400, f"callback host does not resolve to the client address {address}: {callback}")


def _without_login(callback: str) -> str:
    parts = urlsplit(callback)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _stored_credentials(callback: str) -> int:
    """The number in `https://storedcredentials:NUMBER@host`. Raises RefusedError if the callback has none."""
    parts = urlsplit(callback)
    if parts.username != "storedcredentials" or not (parts.password or "").isdecimal():
        raise RefusedError(400, "callback must name stored credentials")
    return int(parts.password or "")
