"""Generates passwords and keys for Secrets. The operator keeps no value after the write."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Mapping

import bcrypt

from ..plan.model.requests import HtpasswdValue, NginxHeaderValue, RandomValue, ValueSource

# A high cost protects guessable passwords. This one has 192 random bits; a higher cost would only delay each login.
BCRYPT_COST = 6
# 64 characters, so that each carries six bits.
_ALPHABET = string.ascii_letters + string.digits + "-_"


def generate_values(requested: Mapping[str, ValueSource], existing: Mapping[str, str]) -> dict[str, str]:
    """Return base64 values for all keys: existing values that are not empty, generated ones for the rest.

    It blocks for some milliseconds if a password is hashed; call it in a thread.

    Args:
        requested: keys that the Secret must have, with the source of each value.
        existing: base64 values that it has; keys that are not requested are kept.
    """
    existing = {key: value for key, value in existing.items() if value or key not in requested}
    values = {key: _decoded(value) for key, value in existing.items() if key in requested}
    for key, source in requested.items():
        if key in values:
            continue
        if isinstance(source, RandomValue):
            values[key] = "".join(secrets.choice(_ALPHABET) for _ in range(source.length))
        elif isinstance(source, str):
            values[key] = source
    for key, source in requested.items():
        if isinstance(source, HtpasswdValue) and key not in values:
            salt = bcrypt.gensalt(BCRYPT_COST)
            hashed = bcrypt.hashpw(values[source.password_key].encode(), salt).decode()
            values[key] = f"{source.user}:{hashed}\n"
        elif isinstance(source, NginxHeaderValue):
            values[key] = _nginx_directive(source.header, values[source.value_key])
    kept = {key for key in existing if not isinstance(requested.get(key), NginxHeaderValue)}
    generated = {key: base64.b64encode(values[key].encode()).decode() for key in requested if key not in kept}
    return {**existing, **generated}


def _nginx_directive(header: str, value: str) -> str:
    """Return the directive. A value that a user wrote may contain characters that would end the quoted text."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'proxy_set_header {header} "{quoted}";\n'


def _decoded(value: str) -> str:
    """Return a value as text; a value that a user wrote may not be valid UTF-8."""
    return base64.b64decode(value).decode(errors="replace")
