"""The HTTP server of the simulated operands."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from tests.operands import web
web.end_when_terminated()
server = web.server("localhost", 0, lambda request: (204, None))
print("serves", flush=True)
server.serve_forever()
"""


def test_a_server_ends_when_it_is_terminated() -> None:
    """The exit status is 0, so the handler has run. The first process of a container has no default handler."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "serves\n"
    process.terminate()
    assert process.wait(30) == 0
