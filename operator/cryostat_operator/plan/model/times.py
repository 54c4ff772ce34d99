"""Times of Kubernetes, and how long the operator waits before it reports that something lasts."""

from __future__ import annotations

import datetime

LASTING_SECONDS = 60.0  # a wait that is longer is reported as a problem


def seconds(time: str | None) -> float | None:
    """Return a time of Kubernetes in seconds since the epoch; None if there is none, or if it cannot be read."""
    if not time:
        return None
    try:
        return datetime.datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None
