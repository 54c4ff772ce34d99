"""Starts operators by fork from one process that has imported the operator, because the imports take 1.4 s each time.

`server` is the client of that process. Run as a program, this file is that process: it has a single thread, reads one
request per line from standard input, and is the parent of all operators that it forks.

A forked operator has the same hash seed for strings as all others of its parent. Where the order of sets could matter
from one start to the next, as in test_restart.py, tests start the program itself.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Fork:
    """A forked operator, with the methods of Popen that tests use."""

    def __init__(self, parent: ForkServer, pid: int) -> None:
        self._parent = parent
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal, or None while it runs."""
        if self.returncode is None:
            self.returncode = self._parent.ask({"poll": self.pid})
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired when it runs for more than `timeout` seconds."""
        deadline = time.monotonic() + (timeout or 0)
        while (code := self.poll()) is None:
            if timeout is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(0.005)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The parent process of forked operators. It starts with the first one, and ends with this process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def start(self, command: list[str], env: Mapping[str, str], log: Path) -> Fork:
        """Run a command line of the operator in a session of its own. Its output is appended to `log`."""
        request = {"command": command, "env": dict(env), "directory": os.getcwd(), "log": str(log.absolute())}
        return Fork(self, self.ask(request))

    def ask(self, request: dict[str, Any]) -> Any:
        """Send a request and return the answer: the new pid, or the exit code (None while the process runs)."""
        with self._lock:
            if self._process is None:
                # -P: modules of this folder must not hide those that the operator imports.
                self._process = subprocess.Popen(
                    [sys.executable, "-P", __file__],
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
                )  # fmt: skip
                atexit.register(self._stop, self._process)
            assert self._process.stdin
            assert self._process.stdout
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())

    @staticmethod
    def _stop(process: subprocess.Popen[str]) -> None:
        process.kill()
        process.communicate()


server = ForkServer()


def _serve() -> bool:
    """Answer requests until standard input ends. Returns True in each forked process, and False in this one."""
    for line in sys.stdin:
        request = json.loads(line)
        if "poll" in request:
            pid, status = os.waitpid(request["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            reader, writer = os.pipe()
            if not (answer := os.fork()):
                _become(request)
                os.close(reader)
                os.close(writer)
                return True
            os.close(writer)
            os.read(reader, 1)  # until the new process has its own session, or has failed
            os.close(reader)
        print(json.dumps(answer), flush=True)
    return False


def _become(request: dict[str, Any]) -> None:
    """Give a forked process the session, directory, files, variables and arguments of a program that starts."""
    os.setsid()
    os.chdir(request["directory"])
    source = os.open(os.devnull, os.O_RDONLY)
    output = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for given, number in ((source, 0), (output, 1), (output, 2)):
        os.dup2(given, number)
    os.close(source)
    os.close(output)
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv[:] = request["command"]
    sys.orig_argv[:] = [sys.executable, *sys.argv]  # for a restart in place


def _main() -> None:
    from cryostat_operator import cli, handlers  # noqa: F401 - the imports of `run`

    assert threading.active_count() == 1, "threads do not survive a fork"
    if _serve():
        sys.exit(cli.main())


if __name__ == "__main__":
    _main()
