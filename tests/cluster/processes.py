"""Child processes with logs, readiness and stops, and a watchdog that kills them when this process ends."""

from __future__ import annotations

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

# The watchdog reads commands from a pipe that only this process holds open. When this process ends, even by SIGKILL,
# the pipe ends, and the watchdog kills and deletes all that is on its list. (PR_SET_PDEATHSIG is tied to the thread
# that started the child, and exists only on Linux.)
_WATCHDOG = """
import os, shutil, signal, sys
groups, directories = set(), set()
for line in sys.stdin:
    verb, what = line.rstrip("\\n").split(" ", 1)
    {"kill": groups.add, "spare": groups.discard, "remove": directories.add, "keep": directories.discard}[verb](what)
for group in groups:
    try:
        os.killpg(int(group), signal.SIGKILL)
    except OSError:
        pass
for directory in directories:
    shutil.rmtree(directory, ignore_errors=True)
"""


class Watchdog:
    """Kills process groups and deletes directories after this interpreter has ended, for any reason."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def send(self, verb: str, what: object) -> None:
        """Change the watchdog's list.

        Args:
            verb: `kill` adds a process group, `spare` drops it; `remove` adds a directory, `keep` drops it.
            what: the id of the process group, or the path of the directory.
        """
        with self._lock:
            if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-S", "-c", _WATCHDOG],
                    stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True,
                )  # fmt: skip
                self._owner = os.getpid()
                atexit.register(self._dismiss, self._process)
            assert self._process.stdin
            self._process.stdin.write(f"{verb} {what}\n")
            self._process.stdin.flush()

    def _dismiss(self, process: subprocess.Popen[str]) -> None:
        if self._owner == os.getpid() and process.stdin:
            with suppress(OSError, subprocess.TimeoutExpired):
                process.stdin.close()
                process.wait(5)


watchdog = Watchdog()


class ProcessDiedError(Exception):
    """A child process ended unexpectedly. The message has the end of its log."""


class Process(Protocol):
    """What tests use of Popen."""

    @property
    def pid(self) -> int: ...

    @property
    def returncode(self) -> int | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...

    def terminate(self) -> None: ...

    def kill(self) -> None: ...


class Child:
    """A running program with its log file, in its own process group, so that it does not get the SIGINT of Ctrl-C."""

    def __init__(
        self, name: str, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        self.process = self._spawn([str(part) for part in command], env)
        watchdog.send("kill", self.process.pid)

    def _spawn(self, command: list[str], env: Mapping[str, str] | None) -> Process:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=env, start_new_session=True,
            )  # fmt: skip

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def tail(self, lines: int = 15) -> str:
        """The end of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def check(self) -> None:
        """Raise ProcessDiedError if the program has ended."""
        if not self.running:
            raise ProcessDiedError(
                f"{self.name} ended with code {self.process.returncode}; end of {self.log}:\n{self.tail()}"
            )

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Poll `ready` every 25 ms until it is true. Raises ProcessDiedError if the program ends, or TimeoutError."""
        deadline = time.monotonic() + timeout
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name} is not ready after {timeout:.0f} s; end of {self.log}:\n{self.tail()}")
            time.sleep(0.025)

    @contextmanager
    def running_when(self, ready: Callable[[], bool], timeout: float = 60) -> Iterator[None]:
        """Begin the block when `ready` is true, and stop the program and print the end of its log after the block."""
        try:
            self.wait_until(ready, timeout)
            yield
        finally:
            self.stop()
            print(self.tail(50))

    def stop(self, timeout: float = 10.0) -> int:
        """Send SIGTERM, and SIGKILL after `timeout` seconds. Returns the exit code."""
        if self.running:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout)
        return self.kill()

    def kill(self) -> int:
        """Send SIGKILL to the process group, to simulate a crash or an eviction."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        code = self.process.wait()
        watchdog.send("spare", self.process.pid)
        return code

    def pause(self) -> None:
        """Send SIGSTOP: the program hangs, its connections remain open."""
        os.killpg(self.process.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Send SIGCONT after `pause`."""
        os.killpg(self.process.pid, signal.SIGCONT)


# Below the ports of outgoing connections, because such a connection could take a port between choice and use, and above
# the usual ports of programs.
_PORTS = range(15_000, 30_000)


def free_ports(count: int) -> list[int]:
    """TCP ports on loopback that no program uses at the moment."""
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise OSError("no free port")


def listening(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a program accepts connections on this port."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((address, port)) == 0


def remove_directory(path: Path) -> None:
    """Delete a temporary directory that the watchdog knows."""
    shutil.rmtree(path, ignore_errors=True)
    watchdog.send("keep", path)
