"""Replaces the agent of release 0.7: registers through the gateway, publishes itself, and deregisters when it ends.

Run as `python -m tests.operands.agent` with the variables that the operator injects.
"""

from __future__ import annotations

import ipaddress
import json
import re
import signal
import socket
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from tests.operands import web
from tests.operands.discovery import TOKEN_HEADER

_P = "CRYOSTAT_AGENT_"
_TLS = f"{_P}WEBCLIENT_TLS_"
# A host name, and what to replace in it.
_HOST = re.compile(r'([A-Za-z0-9.-]+)(?:\[replace\("(.)"\\?, "(.)"\)\])?')
TIMEOUT = 10
RETRY = 2

Resolve = Callable[[str], str]


class RefusedByAgentError(Exception):
    """The agent does not start with these settings."""


def check_base_uri(env: Mapping[str, str], resolve: Resolve) -> str:
    """The address of the gateway. Raises RefusedByAgentError for one that the agent does not call."""
    uri = env[f"{_P}BASEURI"]
    parts = urlsplit(uri)
    if env.get(f"{_TLS}REQUIRED", "true") == "true" and parts.scheme != "https":
        raise RefusedByAgentError(f"TLS is required, and {uri} is not https")
    address = resolve(parts.hostname or "")
    if env.get(f"{_P}BASEURI_RANGE", "dns_local") != "public" and not _is_site_local(address):
        raise RefusedByAgentError(f"{uri} is outside of the allowed range: {address}")
    return uri.rstrip("/")


def _is_site_local(address: str) -> bool:
    networks = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16")
    found = ipaddress.ip_address(address)
    return found.version == 4 and any(found in ipaddress.ip_network(network) for network in networks)


def callback(env: Mapping[str, str], resolve: Resolve) -> str:
    """The address at which the application reaches the agent. Raises RefusedByAgentError if no host name resolves."""
    if given := env.get(f"{_P}CALLBACK"):
        return given
    scheme, port = env[f"{_P}CALLBACK_SCHEME"], env[f"{_P}CALLBACK_PORT"]
    for host in _hosts(env[f"{_P}CALLBACK_HOST_NAME"]):
        name = f"{host}.{env[f'{_P}CALLBACK_DOMAIN_NAME']}"
        try:
            resolve(name)
        except OSError:
            continue
        return f"{scheme}://{name}:{port}/"
    raise RefusedByAgentError("no host name of the callback resolves")


def _hosts(expression: str) -> Iterator[str]:
    """Raises RefusedByAgentError for a host name that the agent cannot read, such as an IPv6 address."""
    for part in re.split(r"(?<!\\), (?!\")", expression):
        found = _HOST.fullmatch(part)
        if not found:
            raise RefusedByAgentError(f"no host name: {part}")
        yield found[1].replace(found[2], found[3]) if found[2] else found[1]


@dataclass(frozen=True)
class Gateway:
    """The agent's client."""

    uri: str
    trust: ssl.SSLContext | None

    @classmethod
    def from_env(cls, env: Mapping[str, str], uri: str) -> Gateway:
        """Raises KeyError for a missing variable, OSError for files that are missing or no certificates."""
        if not uri.startswith("https:"):
            return cls(uri, None)
        context = ssl.create_default_context(cafile=env[f"{_TLS}TRUSTSTORE_CERT_0__PATH"])
        context.load_cert_chain(env[f"{_TLS}CLIENT_AUTH_CERT_PATH"], env[f"{_TLS}CLIENT_AUTH_KEY_PATH"])
        return cls(uri, context)

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        """The decoded answer. Raises OSError for everything that is no success."""
        headers = {"Content-Type": "application/json", **({TOKEN_HEADER: token} if token else {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.uri + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=TIMEOUT, context=self.trust) as answer:
            return json.loads(answer.read() or b"null")


@dataclass(frozen=True)
class Registration:
    """What the application gave the agent."""

    gateway: Gateway
    id: str
    token: str

    def deregister(self) -> None:
        self.gateway.call("DELETE", f"/api/v4/discovery/{self.id}", token=self.token)


def register(gateway: Gateway, env: Mapping[str, str], address: str) -> Registration:
    """The calls of one registration. Raises OSError when one of them fails."""
    try:
        gateway.call("POST", "/api/beta/discovery/credential_exists", {"matchExpression": "target.agent"})
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        gateway.call("POST", "/api/v4/credentials", {"username": "user", "matchExpression": "target.agent"})
    name = env[f"{_P}APP_NAME"]
    answer = gateway.call("POST", "/api/v4/discovery", {"realm": name, "callback": address})
    found = Registration(gateway, answer["id"], answer["token"])
    context = {key.lower(): env[f"{_P}PUBLISH_CONTEXT_{key}"] for key in ("NAMESPACE", "NODETYPE", "NAME")}
    nodes = [{"name": name, "target": {"connectUrl": address, "alias": name}}]
    body = {"nodes": nodes, "fillStrategy": env[f"{_P}PUBLISH_FILL_STRATEGY"], "context": context}
    gateway.call("POST", f"/api/v4.2/discovery/{found.id}", body, found.token)
    return found


def main() -> int:
    env, ended = web.environment(), threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        ended.set()

    signal.signal(signal.SIGTERM, stop)
    registration = None
    while registration is None and not ended.is_set():
        try:
            gateway = Gateway.from_env(env, check_base_uri(env, socket.gethostbyname))
            registration = register(gateway, env, callback(env, socket.gethostbyname))
        except (OSError, RefusedByAgentError) as error:
            print(f"not registered: {error}", file=sys.stderr, flush=True)
            time.sleep(RETRY)
    ended.wait()
    if registration:
        registration.deregister()
    return 0


if __name__ == "__main__":
    sys.exit(main())
