"""The HTTP part of the replaced operands."""

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
    """With status 0, so it is not the default of the signal, which the first process of a container does not have."""
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "serves\n"
    process.terminate()
    assert process.wait(30) == 0
