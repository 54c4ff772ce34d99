"""Makes texts from the cluster safe to print: other users write them, and terminals interpret control characters."""

from __future__ import annotations

import re
from typing import Any

# Control characters but newline and tab, and characters that change the direction of the text around them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(value: Any) -> Any:
    """Return a decoded JSON value in which each unprintable character is replaced by its escape, such as `\\x1b`."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub(_escape, value)
    if isinstance(value, list):
        return [printable(each) for each in value]
    if isinstance(value, dict):
        return {printable(key): printable(each) for key, each in value.items()}
    return value


def one_line(text: str) -> str:
    """Return a text without line breaks, so that it cannot look like several lines of the output."""
    return " ".join(text.splitlines())


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
