"""Progress lines for long steps."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Self, TextIO


class Step:
    """`with Step("building kube-apiserver") as step:` prints `building kube-apiserver ... 42 s` until the block ends.

    On a terminal one line is rewritten every second. Elsewhere (CI logs) a new line is printed every `interval`
    seconds, and none for a shorter step.
    """

    def __init__(self, text: str, *, interval: float = 5.0, quiet: bool = False, stream: TextIO | None = None) -> None:
        self.text = text
        self.detail = ""
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._interval = 1.0 if self._terminal else interval
        self._quiet = quiet
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"progress: {text}", daemon=True)
        self._started = 0.0
        self._printed = False

    @property
    def elapsed(self) -> float:
        """Seconds since the step began."""
        return time.monotonic() - self._started

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        if not self._quiet:
            if self._terminal:
                self._print()
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._quiet:
            return
        self._ended.set()
        self._thread.join()
        if self._printed or self._terminal:
            outcome = "stopped" if isinstance(error, KeyboardInterrupt) else "failed" if error else "done"
            self._write(f"{self.text} ... {outcome} after {self.elapsed:.0f} s", final=True)

    def _run(self) -> None:
        while not self._ended.wait(self._interval):
            self._print()

    def _print(self) -> None:
        self._printed = True
        detail = f" ({self.detail})" if self.detail else ""
        self._write(f"{self.text} ... {self.elapsed:.0f} s{detail}")

    def _write(self, line: str, *, final: bool = False) -> None:
        if self._terminal:
            self._stream.write(f"\r\x1b[K{line}" + ("\n" if final else ""))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()
