"""Credentials are removed from objects and texts, and all else is kept."""

from __future__ import annotations

import time

import pytest

from cryostat_operator.gather.redaction import redact, redact_text
from tests.unit.inspect.instance import owned


@pytest.mark.parametrize(
    "key", ["io.cryostat/secret-hash", "operator.cryostat.io/shared-secret-hash", "example.com/owner"]
)
def test_annotations_that_are_no_credentials_are_kept(key: str) -> None:
    metadata = {"name": "x", "annotations": {key: "value"}}
    assert redact({"kind": "Deployment", "metadata": metadata})["metadata"] == metadata


def test_ordinary_texts_are_kept() -> None:
    for text in (
        "pod 10.0.0.1:8080 is ready, see https://cryostat.example.com/health at 12:30",
        '# Sets X-Cryostat-Agent-Auth.\nproxy_set_header X-Cryostat-Agent-Auth "";',
    ):
        assert redact_text(text) == text
    obj = owned("Service", "sample", spec={"ports": [{"port": 8181}]})
    assert redact(obj) == obj


@pytest.mark.parametrize(
    "part", ["a", "secret", "eyJ", "eyJ-", "eyJaaaaaaaa.", "\\", "x:", "://", "basic ", "token=", " "]
)
def test_the_time_for_a_hostile_log_is_linear(part: str) -> None:
    """A container can write a line of 1 MB. With quadratic time, ten times the text would take 100 times as long."""

    def seconds(length: int) -> float:
        text = (part * length)[:length]
        started = time.process_time()
        redact_text(text)
        return time.process_time() - started

    short = min(seconds(20_000) for _ in range(3))
    assert seconds(200_000) < 40 * short + 0.1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x-eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0. end", "x-<removed> end"),
        ("my.password.file: hunter2 end", "my.password.file: <removed> end"),
        ("line\nann:$2y$05$abc end", "line\n<removed> end"),
        ("a:b:$apr1$x$y", "a:<removed>"),
        ('"DB_PASSWORD": "a b"', '"DB_PASSWORD": <removed>'),
        ("X-Cryostat-User-Proxy-Auth: Xa_-9 end", "X-Cryostat-User-Proxy-Auth: <removed> end"),
        ('proxy_set_header X-Cryostat-Agent-Auth "Xa_-9";', 'proxy_set_header X-Cryostat-Agent-Auth "<removed>";'),
    ],
)
def test_credentials_in_texts_are_removed(text: str, expected: str) -> None:
    assert redact_text(text) == expected
