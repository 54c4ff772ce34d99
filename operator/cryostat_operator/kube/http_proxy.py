"""The HTTP proxy on the way to the API server, found as kubectl finds it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from .errors import LoginError

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_SCHEMES = ("http", "https")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class UnsupportedProxyError(LoginError):
    """The proxy has no valid URL, or a protocol that the operator does not support."""


def proxy_for(server: str, configured: str | None, environment: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy for an API server, None for a direct connection.

    Args:
        server: URL of the API server.
        configured: `proxy-url` of the cluster in the kubeconfig, which takes precedence.
        environment: variables of the process: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, or their names in lower case.

    Raises:
        UnsupportedProxyError: its URL is not valid, or it is not an HTTP proxy.
    """
    url = configured or _from_environment(server, environment)
    if not url:
        return None
    url = url if "://" in url else f"http://{url}"
    try:
        scheme, _ = urlsplit(url).scheme, urlsplit(url).port
    except ValueError:
        # The URL, of which the error has a part, may have a password.
        raise UnsupportedProxyError(
            "the URL of the HTTP proxy is not valid; "
            "correct proxy-url of the cluster in the kubeconfig, or the variable HTTPS_PROXY"
        ) from None
    if scheme not in _SCHEMES:
        raise UnsupportedProxyError(
            f"the proxy has the protocol {scheme}, and only HTTP proxies are supported; "
            "run `kubectl proxy` and use a kubeconfig with its address"
        )
    return url


def _from_environment(server: str, environment: Mapping[str, str]) -> str:
    parts = urlsplit(server)
    host = parts.hostname or ""
    if _is_excluded(host, parts.port or _DEFAULT_PORTS.get(parts.scheme), _value("no_proxy", environment).split(",")):
        return ""
    return _value(f"{parts.scheme}_proxy", environment)


def _value(name: str, environment: Mapping[str, str]) -> str:
    return environment.get(name.upper()) or environment.get(name) or ""


def _is_excluded(host: str, port: int | None, entries: Iterable[str]) -> bool:
    """Whether a host needs no proxy: a loopback address, or one that `NO_PROXY` names, also as a domain or CIDR."""
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    return any(_matches(host, address, port, entry.strip().lower()) for entry in entries if entry.strip())


def _matches(host: str, address: _Address | None, port: int | None, entry: str) -> bool:
    if entry == "*" or (address is not None and _contains(entry, address)):
        return True
    name, separator, entry_port = entry.rpartition(":")
    if separator and entry_port.isdecimal() and not name.endswith(":"):
        if entry_port != str(port):
            return False
        entry = name.strip("[]")
    if address is not None:
        return _address(entry) == address
    domain = entry.removeprefix("*").lstrip(".")
    is_exact = host == domain and not entry.startswith((".", "*."))
    return bool(domain) and (is_exact or host.endswith(f".{domain}"))


def _contains(network: str, address: _Address) -> bool:
    try:
        return address in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def _address(text: str) -> _Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
