"""Checks of the application on a request: address of the client, headers of the proxies, and size of the body."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass

from tests.operands.discovery import RefusedError

AGENT_HEADER = "x-cryostat-agent-proxy"
IDENTITY = "x-forwarded-user"
HEALTH = re.compile(r"/health(/|$)")
# The paths of agents, whose requests come through the agent gateway.
AGENT_PATHS = re.compile(r"/api/(v4|v4\.2|v4\.3)/discovery(/|$)|/api/beta/(recordings|diagnostics|discovery)/")
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@dataclass(frozen=True)
class Proxies:
    """The proxies from which X-Forwarded-For is accepted (QUARKUS_HTTP_PROXY_TRUSTED_PROXIES)."""

    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]

    @classmethod
    def parse(cls, text: str) -> Proxies:
        """Networks separated by commas. Raises ValueError."""
        return cls(tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()))

    def trusts(self, peer: str) -> bool:
        return any(ipaddress.ip_address(peer) in network for network in self.networks)


def client_address(peer: str, headers: Mapping[str, str], proxies: Proxies) -> str:
    """The address of the client. Raises RefusedError if a trusted proxy sends something that is no address.

    Args:
        peer: the address of the connection.
        headers: names in lower case.
        proxies: X-Forwarded-For of all other peers is ignored.
    """
    given = headers.get("x-forwarded-for", "").split(",")[0].strip()
    if not given or not proxies.trusts(peer):
        return peer
    try:
        return str(ipaddress.ip_address(given.removeprefix("[").removesuffix("]")))
    except ValueError:
        raise RefusedError(400, f"X-Forwarded-For is no address: {given}") from None


def check_headers(path: str, headers: Mapping[str, str]) -> None:
    """Refuse an agent's request that did not come through the gateway, or names a user. Raises RefusedError."""
    if not AGENT_PATHS.match(path):
        return
    if headers.get(AGENT_HEADER) != "true":
        raise RefusedError(403, "this request did not come through the agent gateway")
    if headers.get(IDENTITY):
        raise RefusedError(403, "an agent cannot be a user")


@dataclass(frozen=True)
class ProxySecrets:
    """The secrets of the agent gateway and of the proxy of users; None if the proxy need not prove itself."""

    agents: str | None
    users: str | None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> ProxySecrets:
        return cls(
            env.get("CRYOSTAT_SECURITY_AGENT_GATEWAY_SECRET") or None,
            env.get("CRYOSTAT_SECURITY_USER_PROXY_SECRET") or None,
        )

    def check(self, path: str, headers: Mapping[str, str]) -> None:
        """Refuse a request without the secret of its proxy; probes have none. Raises RefusedError.

        The real application does so in its modes BASIC and OPENSHIFT, in which users need permissions.
        """
        is_agent = bool(AGENT_PATHS.match(path))
        name = "x-cryostat-agent-auth" if is_agent else "x-cryostat-user-proxy-auth"
        expected = self.agents if is_agent else self.users
        if expected and headers.get(name) != expected and not HEALTH.match(path):
            raise RefusedError(401, f"the header {name} is not that of the proxy")


def body_limit(text: str) -> int:
    """The bytes of a size such as `10G`. Raises ValueError."""
    found = re.fullmatch(r"(\d+)([KMG]?)", text)
    if not found:
        raise ValueError(f"no size: {text}")
    return int(found[1]) * _UNITS[found[2]]


def check_size(length: int, limit: int) -> None:
    """Raise RefusedError if a body is larger than the limit."""
    if length > limit:
        raise RefusedError(413, f"a body of {length} bytes; the limit is {limit}")
