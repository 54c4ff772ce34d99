"""Request headers that name a client, its origin or its permissions: which proxy sets or removes each of them.

The application and Grafana trust these headers, because only programs in their pod can connect to them. So each
proxy sets a header itself or removes it, and forwards no value of a client. docs/authentication.md shows the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..model.kinds import Obj


class Meaning(Enum):
    """The meaning of a header."""

    IDENTITY = "who the client is"
    ORIGIN = "where the client is"
    CREDENTIALS = "a password or token"
    PROXY = "which proxy the request came through"
    PROTOCOL = "which protocol the connection changes to"


@dataclass(frozen=True)
class HeaderRule:
    """One header.

    Attributes:
        name: its name.
        meaning: what the header says about the client or the request.
        claim: the value of the user's session that oauth2-proxy sets it to; None if oauth2-proxy removes the header.
        openshift: whether OpenShift's oauth-proxy sets it to a value of the login. This proxy passes all other headers
            on.
    """

    name: str
    meaning: Meaning
    claim: str | None = None
    openshift: bool = False


FORWARDED_FOR = "X-Forwarded-For"  # every proxy sets it to the address of its peer
AGENT_HEADER = "X-Cryostat-Agent-Proxy"  # the agent gateway sets it
# With the setting PROXY_SECRETS, nginx sets the first one in requests of agents and the second one in those of users,
# each to the value of a Secret.
AGENT_AUTH = "X-Cryostat-Agent-Auth"
USER_PROXY_AUTH = "X-Cryostat-User-Proxy-Auth"

PROTECTED_HEADERS = (
    HeaderRule("X-Forwarded-User", Meaning.IDENTITY, claim="user", openshift=True),
    HeaderRule("X-Forwarded-Email", Meaning.IDENTITY, claim="email"),
    HeaderRule("X-Forwarded-Groups", Meaning.IDENTITY, claim="groups"),
    HeaderRule("X-Forwarded-Preferred-Username", Meaning.IDENTITY, claim="preferred_username"),
    HeaderRule("X-Auth-Request-User", Meaning.IDENTITY),
    HeaderRule("X-Auth-Request-Email", Meaning.IDENTITY),
    HeaderRule("X-Auth-Request-Groups", Meaning.IDENTITY),
    HeaderRule("X-Auth-Request-Preferred-Username", Meaning.IDENTITY),
    HeaderRule("X-Remote-User", Meaning.IDENTITY),
    HeaderRule("X-Webauth-User", Meaning.IDENTITY),
    HeaderRule("Remote-User", Meaning.IDENTITY),
    HeaderRule("Gap-Auth", Meaning.IDENTITY),
    HeaderRule(FORWARDED_FOR, Meaning.ORIGIN),
    HeaderRule("X-Real-Ip", Meaning.ORIGIN),
    HeaderRule("Forwarded", Meaning.ORIGIN),
    HeaderRule("Authorization", Meaning.CREDENTIALS),
    HeaderRule("Proxy-Authorization", Meaning.CREDENTIALS),
    HeaderRule("X-Forwarded-Access-Token", Meaning.CREDENTIALS),
    HeaderRule("X-Auth-Request-Access-Token", Meaning.CREDENTIALS),
    HeaderRule("Gap-Signature", Meaning.CREDENTIALS),
    HeaderRule(AGENT_HEADER, Meaning.PROXY),
    HeaderRule(AGENT_AUTH, Meaning.PROXY),
    HeaderRule(USER_PROXY_AUTH, Meaning.PROXY),
    # With it, `Upgrade: h2c` would start HTTP/2, and headers of the requests in it would pass the proxy unchanged.
    HeaderRule("Http2-Settings", Meaning.PROTOCOL),
)
# Headers with the address that a client used. Ingress controllers and routers set them. Users may set them, too: they
# change only addresses in the response to the same client. Agents may not: they do not connect through a router.
ADDRESS_HEADERS = (
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Proto",
    "X-Forwarded-Ssl",
)


def oauth2_proxy_headers() -> list[Obj]:
    """Return `injectRequestHeaders` of oauth2-proxy: a header without values is removed."""
    return [
        {"name": rule.name, "values": [{"claimSource": {"claim": rule.claim}}] if rule.claim else []}
        for rule in PROTECTED_HEADERS
    ]


def removed_from_agents() -> list[str]:
    """Return the headers that the agent gateway removes; it sets the others itself."""
    removed = [rule.name for rule in PROTECTED_HEADERS if rule.name not in (FORWARDED_FOR, AGENT_HEADER)]
    return [*removed, *ADDRESS_HEADERS]


def removed_from_users(*, openshift: bool) -> list[str]:
    """Return the headers that nginx behind the authentication proxy removes; it sets the others, or passes them on.

    Args:
        openshift: whether the authentication proxy is OpenShift's oauth-proxy; otherwise it is oauth2-proxy.
    """
    others = [rule for rule in PROTECTED_HEADERS if rule.name != FORWARDED_FOR]
    return [rule.name for rule in others if not (rule.openshift if openshift else rule.claim)]
