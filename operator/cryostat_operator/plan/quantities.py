"""Parses and compares Kubernetes quantities such as `500m` and `1.5Gi`.

The parser of the Kubernetes client is not used: it accepts `NaN`, `1_000` and exponents of any size, which the API
server refuses. Here the length is limited and the time to parse is linear in it, because users write the text.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ..api.limits import MAX_QUANTITY

_MAX_SUFFIX = 4  # characters: an exponent has at most two digits and a sign

_DECIMAL = {"": 0, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
# Each character can be matched in one way only, so that the time is linear in the length.
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?")


def quantity(value: str | int | float) -> Decimal:
    """Return a Kubernetes quantity as a number.

    Raises:
        ValueError: the text is not a quantity, or is longer than `MAX_QUANTITY`.
    """
    text = str(value)
    if len(text) > MAX_QUANTITY:
        raise ValueError(f"not a quantity: {text[:20]}... has more than {MAX_QUANTITY} characters")
    return _parse(text.strip())


@lru_cache(4096)
def _parse(text: str) -> Decimal:
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ValueError(f"not a quantity: {text!r}")
    number, suffix = Decimal(match.group(1)), match.group(2) or ""
    if len(suffix) > _MAX_SUFFIX:
        raise ValueError(f"not a quantity: the exponent of {text!r} is too large")
    if suffix in _BINARY:
        return number * (1 << _BINARY[suffix])
    if suffix in _DECIMAL:
        return number.scaleb(_DECIMAL[suffix])
    return number.scaleb(int(suffix[1:]))


def is_less(a: Any, b: Any) -> bool:
    """Return whether quantity `a` is below `b`; False if one is not a quantity, which the API server reports."""
    try:
        return quantity(a) < quantity(b)
    except ValueError:
        return False


def is_equal(a: Any, b: Any) -> bool:
    """Return whether two quantities are the same amount; False if one of them is not a quantity."""
    try:
        return quantity(a) == quantity(b)
    except ValueError:
        return False
