"""`make run NODE=real`: the operator's own image, real pods, a working login, and a complete removal at the end."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import urllib3

from tests.cluster.operator_process import ROOT
from tests.cluster.processes import free_ports
from tests.node.demo import APPLICATION_NAMESPACE
from tests.node.installation import PortInUseError, reserve_port
from tests.node.remains import remains

pytestmark = pytest.mark.timeout(900)
DEMO = (sys.executable, "-m", "tests.node.demo")
# The certificate is signed by the instance's own authority, which is not trusted.
_browser = urllib3.PoolManager(cert_reqs="CERT_NONE", retries=False)


def page(port: int, user: str, password: str, path: str = "/") -> tuple[int, str]:
    """The status and body of the application's response to a browser with this login."""
    headers = urllib3.make_headers(basic_auth=f"{user}:{password}")
    response = _browser.request("GET", f"https://127.0.0.1:{port}{path}", headers=headers, timeout=60)
    return response.status, response.data.decode()


@pytest.mark.usefixtures("can_run", "images")
@pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")
def test_a_user_can_log_in_until_ctrl_c() -> None:
    [port] = free_ports(1)
    command = [*DEMO, f"--port={port}", "--timeout=600"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    watch = threading.Timer(800, process.terminate)
    watch.start()
    assert process.stdout
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Press Ctrl-C" in line:
            break
    shown = "".join(lines)
    found = re.search(r"user (\S+), password (\S+)", shown)
    directory = re.search(r"--kubeconfig (\S+/cryostat-node-[^/]+)/", shown)
    try:
        assert found, shown
        assert directory, shown
        user, password = found.groups()
        code, text = page(port, user, password)
        assert code == 200
        assert f"Logged in as {user}." in text
        assert page(port, user, "wrong")[0] in (401, 403)
        assert "condition Ready: ✓ True" in shown
        assert re.findall(r"✓ Pod \S+  ready\n", shown)
        assert "All 3 pods run, with 0 restarts." in shown
        [target] = json.loads(page(port, user, password, "/api/v4/targets")[1])
        assert f".{APPLICATION_NAMESPACE}.svc:" in target["connectUrl"]
        assert f"is a target, {target['alias']}." in shown
    finally:
        watch.cancel()
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=120)[0]
    assert process.returncode == 0, rest
    assert "Stopped." in rest
    assert remains(Path(directory[1])) == []


@pytest.mark.usefixtures("can_run")
def test_a_port_in_use_is_reported_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        shown = subprocess.run([*DEMO, f"--port={port}"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert shown.returncode == 1
    assert shown.stdout.strip() == (
        f"Port {port} of this machine cannot be used (Address already in use): choose another one with PORT=."
    )


def test_a_port_is_reserved_while_the_node_starts() -> None:
    """A second `make run NODE=real` learns at once that the first one uses the port."""
    [port] = free_ports(1)
    with reserve_port(port), pytest.raises(PortInUseError, match=f"^Port {port} of this machine cannot be used"):
        reserve_port(port)
    reserve_port(port).close()
