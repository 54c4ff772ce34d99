"""The table of requests that agents send."""

from __future__ import annotations

import re

import pytest

from cryostat_operator.plan.components import agent_requests
from cryostat_operator.plan.components.agent_requests import AGENT_REQUESTS


def passes(request: str) -> bool:
    return any(re.search(pattern, request) for pattern in agent_requests.patterns())


def test_each_request_is_in_the_table_once() -> None:
    every = [(method, row.path) for row in AGENT_REQUESTS for method in row.methods]
    assert len(set(every)) == len(every)


def test_each_row_names_its_source() -> None:
    for row in AGENT_REQUESTS:
        assert re.fullmatch(r"\S+ src/main/java/\S+\.java:[\d,]+", row.source)
        first, last = row.releases
        assert last is None or first <= last


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        ("GET /health", True),
        ("POST /health", False),
        ("GET /health?x=/../y", True),
        ("GET /healthz", False),
        ("POST /api/v4.2/discovery/0b4b1a9e-7d6f-4d5a-9c0e-3f2a1b4c5d6e?token=a.b", True),
        ("POST /api/v4x2/discovery/0b4b1a9e-7d6f-4d5a-9c0e-3f2a1b4c5d6e", False),
        ("DELETE /api/v4/credentials/12", True),
        ("DELETE /api/v4/credentials", False),
        ("POST /api/beta/recordings/a_b-c=", True),
        ("POST /api/beta/recordings/a%3D", True),
        ("POST /api/beta/recordings/a%2F", False),
        ("POST /api/beta/recordings/..", False),
        ("XGET /health", False),
    ],
)
def test_requests_are_compared_as_a_whole(request_line: str, expected: bool) -> None:
    assert passes(request_line) is expected
