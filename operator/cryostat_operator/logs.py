"""Configures logging: lines as text or JSON, with the Cryostat that they belong to."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp.http import HttpProcessingError
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from .printable import printable

logger = logging.getLogger(__name__)

MAX_REVIEW_LINES = 100  # lines or tracebacks about reviews in one minute
_REVIEW_LOGGERS = tuple(
    f"{__package__}.webhooks.{name}"
    for name in ("agent_admission", "conversion", "cryostat_admission", "pod_context_reader", "server")
)

_cryostat: contextvars.ContextVar[str] = contextvars.ContextVar("cryostat", default="")


@contextmanager
def log_context(cryostat: str) -> Iterator[None]:
    """Name a Cryostat in all lines that are logged inside the `with` block.

    Args:
        cryostat: `namespace/name`.
    """
    token = _cryostat.set(cryostat)
    try:
        yield
    finally:
        _cryostat.reset(token)


class _TextFormatter(logging.Formatter):
    """Formats a record as one line, and a traceback below it.

    Control characters of the message are replaced by their escapes: texts of other users must not look like log lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name in `logging`
        line: str = printable(super().formatMessage(record))
        return line.replace("\n", "\\n")


class _ContextFilter(logging.Filter):
    """Adds the Cryostat of `log_context` to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        cryostat = _cryostat.get()
        record.__dict__["cryostat"] = cryostat
        record.__dict__["prefix"] = f"[{cryostat}] " if cryostat else ""
        return True


class _ReviewFilter(logging.Filter):
    """Limits the lines about reviews. Any pod can send reviews that cause a line, or a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._minute, self._count = -1, 0

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_REVIEW_LOGGERS):
            return True
        minute = int(record.created // 60)
        if minute != self._minute:
            self._minute, self._count = minute, 0
        self._count += 1
        if self._count == MAX_REVIEW_LINES:
            record.msg, record.args, record.exc_info = (
                "Further lines about reviews are left out in this minute",
                (),
                None,
            )
        return self._count <= MAX_REVIEW_LINES


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Whether a record of the HTTP server is not about a malformed request, which any pod can send repeatedly."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def configure(*, json: bool, level: str) -> None:
    """Log to standard error.

    Args:
        json: one JSON object per line, else text.
        level: name of the lowest level to log, such as `INFO`.
    """
    handler = logging.StreamHandler()
    handler.addFilter(_ContextFilter())
    handler.addFilter(_ReviewFilter())
    if json:
        handler.setFormatter(
            JsonFormatter(
                "%(asctime)s %(levelname)s %(name)s %(cryostat)s %(message)s",
                rename_fields={"asctime": "timestamp", "levelname": "level", "name": "logger"},
                reserved_attrs=[*RESERVED_ATTRS, "prefix"],
            )
        )
    else:
        handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)-7s %(prefix)s%(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.server").addFilter(_is_worth_logging)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # kopf logs every handled event at INFO
