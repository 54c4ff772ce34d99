"""Limits of the body of a review."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import orjson
import pytest

from cryostat_operator.webhooks.body_limits import (
    MAX_DEPTH,
    BodyLimits,
    TooComplexError,
    check_depth,
    count_elements,
)
from cryostat_operator.webhooks.server import ADMISSION_LIMITS

LIMITS = BodyLimits(size=10**6, elements=100)


@pytest.mark.parametrize("body", [b"[" + b"{}," * 60 + b"{}]", b"[" + b"1," * 101 + b"1]", b"[" * 101])
def test_too_many_elements(body: bytes) -> None:
    with pytest.raises(TooComplexError):
        count_elements(body, LIMITS)


def test_an_ordinary_body() -> None:
    assert count_elements(b'{"a": [1, 2], "b": {}}', LIMITS) == 5


def test_megabytes_of_empty_objects_are_refused_before_decoding() -> None:
    with pytest.raises(TooComplexError):
        count_elements(b"[" + b"{}," * 300_000 + b"{}]", ADMISSION_LIMITS)


def test_separators_in_text_are_not_elements() -> None:
    assert count_elements(b'["' + b',{[\\"' * 1000 + b'", 1]', LIMITS) == 2


@pytest.mark.parametrize("seed", [b'"\\', b'"', b"\\", b'",{'])
def test_text_that_is_cut_off_takes_linear_time(seed: bytes) -> None:
    def seconds(length: int) -> float:
        body = b"," * (LIMITS.elements + 1) + seed * length
        began = time.process_time()
        with suppress(TooComplexError):
            count_elements(body, LIMITS)
        return time.process_time() - began

    small, large = (min(seconds(length) for _ in range(3)) for length in (4_000, 32_000))
    assert large < 0.002 or large < 30 * small  # 64 times if it were quadratic


def nested(depth: int, opening: bytes, closing: bytes) -> Any:
    return orjson.loads(opening * depth + b"1" + closing * depth)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_depth(opening: bytes, closing: bytes) -> None:
    check_depth(nested(MAX_DEPTH, opening, closing))
    with pytest.raises(TooComplexError, match=f"^the review is nested more than {MAX_DEPTH} levels deep$"):
        check_depth(nested(MAX_DEPTH + 2, opening, closing))


@pytest.mark.parametrize("value", [None, 5, "x", [], {}])
def test_scalars_have_no_depth(value: Any) -> None:
    check_depth(value)
