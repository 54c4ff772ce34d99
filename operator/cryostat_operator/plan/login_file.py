"""Why oauth2-proxy cannot use a file with logins (htpasswd), or a line of it.

oauth2-proxy reads the file as CSV with `:` as the separator, and accepts bcrypt and SHA-1. It does not start if a line
has another number of fields, if the last user has another hash, or without any user; it ignores other users with
another hash (pkg/authentication/basic/htpasswd.go of oauth2-proxy 7).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple

MAX_SIZE = 64 * 1024  # characters of a value, in base64, that are read
_BCRYPT, _SHA = ("$2a$", "$2b$", "$2x$", "$2y$"), "{SHA}"
_OTHER_HASHES = {
    "$apr1$": "an MD5 hash",
    "$1$": "an MD5 hash",
    "$5$": "a SHA-256 hash",
    "$6$": "a SHA-512 hash",
    "{SSHA}": "a salted SHA-1 hash",
}
_NO_HASH = "no hash that the proxy accepts"


class LoginFlaw(NamedTuple):
    """What is wrong with a file.

    Attributes:
        cause: a clause about the file, without user names and hashes.
        fatal: whether the proxy does not start with the file; otherwise it ignores the named line.
    """

    cause: str
    fatal: bool


def login_flaws(data: Mapping[str, str]) -> dict[str, LoginFlaw]:
    """Return what is wrong with each value of a Secret, if it is read as a file with logins.

    Args:
        data: `data` of the Secret, in base64.
    """
    flaws = {key: _flaw_of_value(value) for key, value in data.items() if len(value or "") <= MAX_SIZE}
    return {key: flaw for key, flaw in flaws.items() if flaw}


def _flaw_of_value(value: str | None) -> LoginFlaw | None:
    try:
        return login_flaw(base64.b64decode(value or "", validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        return LoginFlaw("is not a text in UTF-8", fatal=True)


def login_flaw(text: str) -> LoginFlaw | None:
    """Return what is wrong with a file with logins; None if nothing is.

    A file with quotation marks is not judged: they may be part of the CSV format.
    """
    if '"' in text:
        return None
    lines = [(number, line.removesuffix("\r")) for number, line in enumerate(text.split("\n"), 1)]
    users = [(number, line.split(":")) for number, line in lines if line and not line.startswith("#")]
    if not users:
        return LoginFlaw("contains no user", fatal=True)
    for number, fields in users:
        if len(fields) != 2:
            return LoginFlaw(f"has another form than USER:HASH in line {number}", fatal=True)
    refused = [(number, fields[1].lstrip()) for number, fields in users if not _is_accepted(fields[1].lstrip())]
    if not refused:
        return None
    number, password = refused[-1]
    return LoginFlaw(f"has {_kind(password)} in line {number}", fatal=number == users[-1][0])


def _is_accepted(password: str) -> bool:
    return (password.startswith(_BCRYPT) and len(password) > 5) or (password.startswith(_SHA) and len(password) > 6)


def _kind(password: str) -> str:
    return next((kind for prefix, kind in _OTHER_HASHES.items() if password.startswith(prefix)), _NO_HASH)
