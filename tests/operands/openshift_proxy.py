"""Replaces OpenShift's oauth-proxy: accepts or refuses its arguments, variables and htpasswd file.

It serves no requests. Images do not contain it, so it can use other packages than the standard library.
"""

from __future__ import annotations

import base64
import binascii
import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

_KINDS: dict[str, list[str]] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text())
OPTIONS = {name: kind for kind, options in _KINDS.items() for name in options}
_BOOLEANS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}
_DURATION = re.compile(r"0|(\d+(\.\d+)?(ns|us|ms|s|m|h))+")
_COOKIE_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VARIABLES = {
    "cookie-secret": "OAUTH2_PROXY_COOKIE_SECRET",
    "cookie-name": "OAUTH2_PROXY_COOKIE_NAME",
    "client-id": "OAUTH2_PROXY_CLIENT_ID",
    "client-secret": "OAUTH2_PROXY_CLIENT_SECRET",
}
_CIPHER_KEYS = (16, 24, 32)  # bytes


class RefusedError(Exception):
    """The proxy does not start, or responds with an error."""


def parse(arguments: Iterable[str]) -> dict[str, Any]:
    """The values of the options on a command line. Raises RefusedError, also for an option that does not exist."""
    found: dict[str, Any] = {}
    given = iter(arguments)
    for argument in given:
        option = re.fullmatch(r"--?([^=-][^=]*)(?:=(.*))?", argument, re.S)
        if not option:
            raise RefusedError(f"this is no option, and ends the options: {argument}")
        name, value = option[1], option[2]
        kind = OPTIONS.get(name)
        if kind is None:
            raise RefusedError(f"flag provided but not defined: -{name}")
        if value is None:
            value = "true" if kind == "boolean" else next(given, None)
        if value is None:
            raise RefusedError(f"flag needs an argument: -{name}")
        if kind == "list":
            found.setdefault(name, []).append(value)
        else:
            found[name] = _value(name, kind, value)
    return found


def _value(name: str, kind: str, text: str) -> Any:
    if kind == "boolean":
        if text.lower() not in _BOOLEANS:
            raise RefusedError(f"invalid boolean value of -{name}: {text}")
        return _BOOLEANS[text.lower()]
    if kind == "duration" and not _DURATION.fullmatch(text):
        raise RefusedError(f"invalid duration of -{name}: {text}")
    return text


def check(arguments: Iterable[str], variables: Mapping[str, str]) -> dict[str, Any]:
    """The settings of a proxy that starts in a pod with a ServiceAccount's token. Raises RefusedError."""
    options = parse(arguments)
    for name, variable in _VARIABLES.items():
        if variable in variables:
            options.setdefault(name, variables[variable])
    for rule in _RULES:
        rule(options)
    return options


def _needed(options: Mapping[str, Any]) -> None:
    # The name and token of a ServiceAccount are used as ID and secret of the client.
    account = bool(options.get("openshift-service-account"))
    given = {name for name, value in options.items() if value}
    wanted = {"upstream", "cookie-secret", *(() if account else ("client-id", "client-secret"))}
    if missing := sorted(wanted - given):
        raise RefusedError(f"missing setting: {', '.join(missing)}")
    if options.get("provider", "openshift") != "openshift":
        raise RefusedError(f"provider {options['provider']} is not recognized")


def _cookies(options: Mapping[str, Any]) -> None:
    if not _COOKIE_NAME.fullmatch(options.get("cookie-name", "_oauth_proxy")):
        raise RefusedError(f"invalid cookie name: {options['cookie-name']}")
    if options.get("cookie-samesite", "") not in ("", "none", "lax", "strict"):
        raise RefusedError(f"cookie_samesite cannot be {options['cookie-samesite']}")
    encrypts = options.get("pass-access-token") or options.get("cookie-refresh", "0") not in ("0", "0s")
    if encrypts and len(_secret_bytes(options["cookie-secret"])) not in _CIPHER_KEYS:
        raise RefusedError("cookie_secret must be 16, 24, or 32 bytes")


def _secret_bytes(secret: str) -> bytes:
    """The decoded secret if it is URL-safe base64, with or without padding, else its bytes."""
    try:
        return base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        return secret.encode()


def _upstreams(options: Mapping[str, Any]) -> None:
    paths = []
    for upstream in options["upstream"]:
        parts = urlsplit(upstream)
        if parts.scheme not in ("http", "https", "file"):
            raise RefusedError(f"unknown upstream protocol {parts.scheme}")
        paths.append((parts.scheme == "file" and parts.fragment) or parts.path or "/")
    if len(set(paths)) < len(paths):
        raise RefusedError(f"two upstreams have the same path: {sorted(paths)}")


def _reviews(options: Mapping[str, Any]) -> None:
    """A list of reviews or one review, and a map from path prefixes to reviews."""
    for name in ("openshift-sar", "openshift-sar-by-host", "openshift-delegate-urls"):
        if not options.get(name):
            continue
        try:
            content = json.loads(options[name])
        except ValueError as error:
            raise RefusedError(f"unable to decode review of -{name}: {error}") from error
        reviews = list(content.values()) if name != "openshift-sar" and isinstance(content, dict) else content
        reviews = reviews if isinstance(reviews, list) else [reviews]
        wrong_map = name != "openshift-sar" and not isinstance(content, dict)
        if wrong_map or not all(isinstance(review, dict) for review in reviews):
            raise RefusedError(f"-{name} does not have the form of reviews")


def _bypasses(options: Mapping[str, Any]) -> None:
    skipped = options.get("bypass-auth-for") or options.get("skip-auth-regex") or []
    required = options.get("bypass-auth-except-for") or []
    if skipped and required:
        raise RefusedError("cannot set -skip-auth-regex and -bypass-auth-except-for together")
    for expression in (*skipped, *required):
        try:
            re.compile(expression)
        except re.error as error:
            raise RefusedError(f"error compiling regex {expression}: {error}") from error


def _addresses(options: Mapping[str, Any]) -> None:
    plain, encrypted = options.get("http-address", "127.0.0.1:4180"), options.get("https-address", ":8443")
    if not plain and not encrypted:
        raise RefusedError("must specify https-address or http-address")
    if encrypted and not (options.get("tls-cert") and options.get("tls-key")):
        raise RefusedError("loading tls config failed: HTTPS needs tls-cert and tls-key")
    if options.get("tls-client-ca") and not (options.get("tls-cert") or options.get("tls-key")):
        raise RefusedError("tls-client-ca requires tls-key-file or tls-cert-file")


_RULES: tuple[Callable[[Mapping[str, Any]], None], ...] = (
    _needed, _cookies, _upstreams, _reviews, _bypasses, _addresses,
)  # fmt: skip


def users(htpasswd: str) -> dict[str, bool]:
    """The users of an htpasswd file, and whether each can log in. Raises RefusedError if the proxy does not start."""
    lines = [line.lstrip() for line in htpasswd.splitlines() if line.strip() and not line.startswith("#")]
    records = list(csv.reader(lines, delimiter=":"))
    if len({len(record) for record in records}) > 1:
        raise RefusedError("wrong number of fields")
    if any(len(record) < 2 for record in records):
        raise RefusedError("a line has no password")
    return {record[0]: record[1].startswith(("{SHA}", "$2a$", "$2x$", "$2y$")) for record in records}
