"""The table of requests that agents send."""

from __future__ import annotations

import re
from pathlib import Path

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


JVM = "HcnTTKUqKtTIFXmZTMZ0KbtKNTcJFCx1zaWLVUHRLCY="
PLUGIN = "0b4b1a9e-7d6f-4d5a-9c0e-3f2a1b4c5d6e"
COMMON = {
    "GET /health",
    "POST /api/v4/discovery",
    f"GET /api/v4/discovery/{PLUGIN}",
    f"DELETE /api/v4/discovery/{PLUGIN}",
    f"POST /api/beta/recordings/{JVM}",
}
CREDENTIALS = {"POST /api/v4/credentials", "GET /api/v4/credentials/1", "DELETE /api/v4/credentials/1"}
EXISTING = "POST /api/beta/discovery/credential_exists"
HEAP_DUMP = f"POST /api/beta/diagnostics/heapdump/upload/{JVM}"
TRIGGERS = f"POST /api/beta/targets/{JVM}/smart_triggers/sync/"
# What each release of the agent sends, by its source.
SENT = {
    "0.5": {*COMMON, *CREDENTIALS, "GET /api/v4/credentials", f"POST /api/v4/discovery/{PLUGIN}"},
    "0.6": {*COMMON, *CREDENTIALS, EXISTING, HEAP_DUMP, f"POST /api/v4/discovery/{PLUGIN}"},
    "0.7": {*COMMON, *CREDENTIALS, EXISTING, HEAP_DUMP, TRIGGERS, f"POST /api/v4.2/discovery/{PLUGIN}"},
    "0.8": {*COMMON, HEAP_DUMP, TRIGGERS, f"POST /api/v4.2/discovery/{PLUGIN}", "POST /api/v4.3/discovery/agents"},
}


def rows_of(release: str) -> list[agent_requests.AgentRequest]:
    """The rows of the table about this release."""
    return [row for row in AGENT_REQUESTS if row.releases[0] <= release <= (row.releases[1] or release)]


@pytest.mark.parametrize("release", SENT)
def test_the_gateway_forwards_all_requests_of_each_release(release: str) -> None:
    assert [request for request in SENT[release] if not passes(request)] == []
    allowed = [(method, row.path) for row in rows_of(release) for method in row.methods]
    sent = [request.split() for request in SENT[release]]
    unused = [(m, path) for m, path in allowed if not any(m == n and re.fullmatch(path, u) for n, u in sent)]
    assert unused == []
    assert len(allowed) == len(sent)


DOCS = Path(__file__).parents[4] / "docs"


def test_the_documentation_names_the_oldest_and_the_newest_release() -> None:
    oldest = min(row.releases[0] for row in AGENT_REQUESTS)
    newest = max(release for row in AGENT_REQUESTS for release in row.releases if release)
    assert (oldest, newest) == (min(SENT), max(SENT))
    assert f"agent releases {oldest} to {newest} send" in " ".join((DOCS / "agents.md").read_text().split())
    assert f"| {oldest} to {newest} |" in (DOCS / "upgrade.md").read_text()
