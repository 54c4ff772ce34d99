"""Runs many commands in a container in one session, because each `kubectl exec` takes a third of a CPU second."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from contextlib import suppress
from typing import Self

from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import LEAN_KUBECTL, KubectlError

# Runs in the container. Each line of its input is a command, each line of its output the result.
_PROGRAM = """
import json, subprocess, sys
for line in sys.stdin:
    done = subprocess.run(json.loads(line), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    print(json.dumps([done.returncode, done.stdout, done.stderr]), flush=True)
"""


class Shell:
    """A session in a container with Python. It is opened by the first command, and again after the container ended.

    Args:
        pod: a pod, or `deploy/NAME` for one pod of a Deployment.
    """

    def __init__(self, plane: ControlPlane, namespace: str, pod: str, container: str) -> None:
        program, config = plane.programs["kubectl"], plane.kubeconfig
        self._command = [
            str(program), f"--kubeconfig={config}", "exec", "--stdin", f"--namespace={namespace}", pod,
            f"--container={container}", "--", "python3", "-u", "-c", _PROGRAM,
        ]  # fmt: skip
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, *command: str) -> str:
        """Run a command and return its output. Raises KubectlError."""
        with self._lock:
            answer = self._answer(command) if self._process else ""
            if not answer:  # the first command, or the container has ended
                self.close()
                self._open()
                answer = self._answer(command)
            if not answer:
                raise KubectlError(1, self._command, "", self.close())
        code, output, errors = json.loads(answer)
        if code:
            raise KubectlError(code, command, output, errors)
        return str(output)

    def close(self) -> str:
        """End the session, and return the errors of kubectl."""
        if not self._process:
            return ""
        process, self._process = self._process, None
        process.kill()
        with suppress(BrokenPipeError):
            return process.communicate()[1]
        return ""

    def _open(self) -> None:
        self._process = subprocess.Popen(
            self._command, env={**os.environ, **LEAN_KUBECTL},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def _answer(self, command: tuple[str, ...]) -> str:
        """The line with the result of a command; empty if the session has ended."""
        assert self._process
        assert self._process.stdin
        assert self._process.stdout
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(command) + "\n")
            return self._process.stdout.readline()
        return ""
