"""The state of a Cryostat in a few words, for a column of `kubectl get`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from .model.reason_groups import COMPONENT_REASONS
from .model.reasons import Reason

UNUSABLE = (Reason.LOGIN_FILE_INVALID, Reason.SECRET_VALUE_INVALID, Reason.CERTIFICATE_NOT_RENEWED)
"""Reasons of other conditions that a summary names.

Running pods have not read the file or value yet, but new pods will. The certificate works until it expires.
"""
MAX_LENGTH = 64  # characters; a longer text would break the lines of a table
# Where the beginning of a message ends: at its first sentence or clause.
_SENTENCE_END = re.compile(r"[.;:] |, (?:but|which|without which|and this|so that) |[.;:]$")
# Kind and name of an object.
_SUBJECT = re.compile(r"(?!The |Deployments )[A-Z][A-Za-z]+ ([a-z0-9.-]+/)?[a-z0-9][a-z0-9.-]*(?= )")
_ACRONYMS = {"Api": "API"}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*")


def summary_of(conditions: Sequence[Mapping[str, Any]]) -> str:
    """Return what the condition `Ready` says in at most `MAX_LENGTH` characters.

    It is the beginning of the message, or where that is too long the object and the words of the reason. An available
    instance that will stop working, or not start again, has the words of that reason.

    Args:
        conditions: all conditions of a Cryostat.
    """
    ready = next((each for each in conditions if each.get("type") == "Ready"), {})
    reason = str(ready.get("reason") or "Unknown")
    if ready.get("status") == "True":
        reasons = {str(each.get("reason")) for each in conditions if each.get("status") == "False"}
        unusable = next((_words(each) for each in UNUSABLE if each in reasons), "")
        return f"Available, but {_lowered(unusable)}" if unusable else "Available"
    message = str(ready.get("message") or "")
    first = _SENTENCE_END.split(message, maxsplit=1)[0]
    if first and len(first) <= MAX_LENGTH and message[len(first) :][:1] != ":":
        return first
    # The text after a colon is the cause; the reason has fewer words for it.
    words = _words(reason)
    subject = _SUBJECT.match(message)
    with_subject = f"{subject[0]}: {_lowered(words)}" if subject else words
    if any(reason.endswith(each) for each in COMPONENT_REASONS) or len(with_subject) > MAX_LENGTH:
        return words[:MAX_LENGTH]  # the reason names the component
    return with_subject


def _lowered(words: str) -> str:
    """Words of a reason after a colon or comma: without a capital, except for an acronym such as API."""
    return words if words[:2].isupper() else f"{words[:1].lower()}{words[1:]}"


def _words(reason: str) -> str:
    """A reason in words: `VolumeLost` is `Volume lost`."""
    words = [_ACRONYMS.get(word, word) for word in _WORD.findall(reason)]
    return " ".join([*words[:1], *(word if word.isupper() else word.lower() for word in words[1:])])
