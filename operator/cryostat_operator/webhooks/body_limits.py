"""Limits of the body of a review, checked before most of its memory is allocated."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

# Errors of reviews that do not arrive, or take too long.
NOT_IN_TIME = "the review did not arrive in time"
CLOSED = "the connection was closed before the review was complete"
TIMED_OUT = "the review timed out; try again"

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?+', re.DOTALL)  # also one without an end
MAX_DEPTH = 100  # nested lists and objects; the objects of Kubernetes have about 20


class TooComplexError(ValueError):
    """The body has too many elements or is nested too deeply."""


@dataclass(frozen=True)
class BodyLimits:
    """The limits of one path.

    Attributes:
        size: bytes.
        elements: values and members of lists and objects. Decoded, each takes up to about 100 bytes of memory, however
            short its text is.
    """

    size: int
    elements: int


def count_elements(body: bytes, limits: BodyLimits) -> int:
    """Estimate the number of elements of a JSON text without decoding it.

    Raises:
        TooComplexError: there are more than the limit.
    """
    count = _separators(body)
    if count > limits.elements:  # separators inside strings do not count
        count = _separators(_STRING.sub(b"", body))
    if count > limits.elements:
        raise TooComplexError(f"the review has {count} elements; at most {limits.elements} are allowed")
    return count


def _separators(text: bytes) -> int:
    return text.count(b",") + text.count(b"{") + text.count(b"[")


def check_depth(value: Any) -> None:
    """Check how deep lists and objects are nested, without recursion.

    Raises:
        TooComplexError: deeper than `MAX_DEPTH`.
    """
    level: list[Any] = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for each in level:
            children = each.values() if isinstance(each, dict) else each
            below += [child for child in children if isinstance(child, (dict, list))]
        if not below:
            return
        level = below
    raise TooComplexError(f"the review is nested more than {MAX_DEPTH} levels deep")
