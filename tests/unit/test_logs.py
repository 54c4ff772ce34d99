"""Log lines name the Cryostat that they belong to."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator

import pytest
from aiohttp.http_exceptions import LineTooLong

from cryostat_operator import logs
from cryostat_operator.webhooks import server


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("kopf.objects").level
    yield
    root.handlers[:], level, kopf_level = before
    root.setLevel(level)
    logging.getLogger("kopf.objects").setLevel(kopf_level)


def test_text_lines_begin_with_the_cryostat(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(json=False, level="INFO")
    with logs.log_context("here/sample"):
        logging.getLogger("x").info("inside")
    logging.getLogger("x").info("outside")
    inside, outside = capsys.readouterr().err.splitlines()
    assert inside.endswith("[here/sample] inside")
    assert outside.endswith("INFO    outside")


def test_json_lines_have_it_as_a_field(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(json=True, level="INFO")
    with logs.log_context("here/sample"):
        logging.getLogger("x").warning("inside")
    line = json.loads(capsys.readouterr().err)
    assert (line["level"], line["cryostat"], line["message"]) == ("WARNING", "here/sample", "inside")
    assert "prefix" not in line


def test_kopf_does_not_log_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(json=False, level="INFO")
    logging.getLogger("kopf.objects").info("handled")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("error", [LineTooLong("x", 1), ValueError("x")])
def test_malformed_requests_are_not_logged(capsys: pytest.CaptureFixture[str], error: Exception) -> None:
    logs.configure(json=False, level="INFO")
    logging.getLogger("aiohttp.server").error("Error handling request", exc_info=error)
    assert ("ValueError" in capsys.readouterr().err) is isinstance(error, ValueError)


def test_a_limited_number_of_lines_about_reviews_is_logged(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any pod can send reviews that cause a line."""
    monkeypatch.setattr(logs, "MAX_REVIEW_LINES", 3)
    logs.configure(json=False, level="INFO")
    for minute in (1, 2):
        monkeypatch.setattr(time, "time", lambda now=minute * 60.0: now)
        monkeypatch.setattr(time, "time_ns", lambda now=minute * 60 * 10**9: now)
        for number in range(5):
            logging.getLogger(server.__name__).error("review %s", number, exc_info=ValueError("x"))
        logging.getLogger("cryostat_operator.webhooks.manager").info("other")
    lines = [line.split("   ")[-1].strip() for line in capsys.readouterr().err.splitlines() if line.startswith("19")]
    expected = ["review 0", "review 1", "Further lines about reviews are left out in this minute", "other"]
    assert lines == expected * 2


def test_a_message_is_logged_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(json=False, level="INFO")
    logging.getLogger("x").warning("Pod %s", "a\n2026-11-26 10:00:00 ERROR forged\x1b[2J\r")
    try:
        raise ValueError("bug")
    except ValueError:
        logging.getLogger("x").exception("failed")
    first, second, *traceback = capsys.readouterr().err.splitlines()
    assert first.endswith("WARNING Pod a\\n2026-11-26 10:00:00 ERROR forged\\x1b[2J\\x0d")
    assert second.endswith("ERROR   failed")
    assert traceback[0] == "Traceback (most recent call last):"
