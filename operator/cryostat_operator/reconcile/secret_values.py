"""Makes the values of Secrets that a plan ordered; nowhere else do they exist outside the API server."""

from __future__ import annotations

import base64
import secrets
import string
from collections.abc import Mapping

import bcrypt

from ..plan.model.requests import HtpasswdValue, RandomValue, ValueSource

# Stretching protects guessable passwords. This one has 192 random bits; more rounds would only slow every login down.
MAX_PASSES = 6
# 64 characters, so that every one carries six bits.
_ALPHABET = string.ascii_letters + string.digits + "-_"


def mint(order: Mapping[str, ValueSource], existing: Mapping[str, str]) -> dict[str, str]:
    """Base64 values of all ordered keys: existing ones are kept unless they are empty, the others are made.

    Blocking for some milliseconds where a password is hashed; run it in a thread.
    """
    existing = {key: value for key, value in existing.items() if value or key not in order}
    values = {key: _text(value) for key, value in existing.items() if key in order}
    for key, wanted in order.items():
        if key in values:
            continue
        if isinstance(wanted, RandomValue):
            values[key] = "".join(secrets.choice(_ALPHABET) for _ in range(wanted.length))
        elif isinstance(wanted, str):
            values[key] = wanted
    for key, wanted in order.items():
        if isinstance(wanted, HtpasswdValue) and key not in values:
            hashed = bcrypt.hashpw(values[wanted.password_key].encode(), bcrypt.gensalt(MAX_PASSES)).decode()
            values[key] = f"{wanted.user}:{hashed}\n"
    minted = {key: base64.b64encode(values[key].encode()).decode() for key in order if key not in existing}
    return {**existing, **minted}


def _text(value: str) -> str:
    """A value as text; one that somebody put there need not be any."""
    return base64.b64decode(value).decode(errors="replace")
