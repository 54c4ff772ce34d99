"""The state of a Cryostat in a few words, for a column of `kubectl get`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_LENGTH = 64  # characters; a longer text would break the lines of a table
_SENTENCE_END = re.compile(r"[.;:] |[.;:]$")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")


def summary_of(conditions: Sequence[Mapping[str, Any]]) -> str:
    """Return what the condition `Ready` says in at most `MAX_LENGTH` characters.

    It is the beginning of the message, or where that is too long the words of the reason.

    Args:
        conditions: all conditions of a Cryostat.
    """
    ready = next((each for each in conditions if each.get("type") == "Ready"), {})
    reason = str(ready.get("reason") or "Unknown")
    if ready.get("status") == "True":
        return "Available"
    message = str(ready.get("message") or "")
    first = _SENTENCE_END.split(message, maxsplit=1)[0]
    # What follows a colon is the cause: without it, the sentence says less than the reason.
    if first and len(first) <= MAX_LENGTH and message[len(first) :][:1] != ":":
        return first
    words = _WORD.findall(reason)
    return " ".join([*words[:1], *(word if word.isupper() else word.lower() for word in words[1:])])[:MAX_LENGTH]
