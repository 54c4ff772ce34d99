"""Log lines of the operator: which Cryostat they are about, as text for people or JSON for machines."""

from __future__ import annotations

import contextvars
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

logger = logging.getLogger(__name__)

_subject: contextvars.ContextVar[str] = contextvars.ContextVar("subject", default="")


@contextmanager
def about(cryostat: str) -> Iterator[None]:
    """Lines logged inside are about this Cryostat, given as `namespace/name`."""
    token = _subject.set(cryostat)
    try:
        yield
    finally:
        _subject.reset(token)


class _Subject(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        subject = _subject.get()
        record.__dict__["cryostat"] = subject
        record.__dict__["prefix"] = f"[{subject}] " if subject else ""
        return True


def configure(*, json: bool, level: str) -> None:
    """Log to standard error; `level` is a name that `logging` knows."""
    handler = logging.StreamHandler()
    handler.addFilter(_Subject())
    if json:
        handler.setFormatter(
            JsonFormatter(
                "%(asctime)s %(levelname)s %(name)s %(cryostat)s %(message)s",
                rename_fields={"asctime": "timestamp", "levelname": "level", "name": "logger"},
                reserved_attrs=[*RESERVED_ATTRS, "prefix"],
            )
        )
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(prefix)s%(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # it announces every handled event
