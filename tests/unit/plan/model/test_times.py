"""Times of Kubernetes."""

from __future__ import annotations

import pytest

from cryostat_operator.plan.model.times import seconds


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("1970-01-01T00:01:40Z", 100.0),
        ("1970-01-01T01:01:40+01:00", 100.0),
        ("1970-01-01T00:01:40.500000Z", 100.5),
        ("yesterday", None),
        ("", None),
        (None, None),
    ],
)
def test_seconds_since_the_epoch(time: str | None, expected: float | None) -> None:
    assert seconds(time) == expected
