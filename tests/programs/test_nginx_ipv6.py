"""nginx in pods with addresses of one family only. The application listens on 127.0.0.1 there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from cryostat_operator.plan.model import names
from tests.cluster.processes import Child, free_ports
from tests.programs.nginx import AGENT, HOST, INSTALLED, command, container_of
from tests.programs.pod import IPV6_API_SERVER, planned, secrets

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="a network namespace of its own needs root"),
    pytest.mark.skipif(not (INSTALLED and shutil.which("curl")), reason="needs nginx and curl"),
]
ADDRESS = "fd00:10:244::7"
IPV4_ADDRESS = "10.244.0.7"
# As the kubelet writes it. nginx finds no IPv4 address for the name, because only loopback has one.
HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
PREPARE = (
    'mount --bind "$0" /etc/hosts && ip link set lo up && '
    f"ip -6 address add {ADDRESS}/128 dev lo nodad && exec sleep infinity"
)


# Without IPv6, as in most pods of clusters without it.
PREPARE_IPV4 = (
    'mount --bind "$0" /etc/hosts && echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6 && ip link set lo up && '
    f"ip address add {IPV4_ADDRESS}/32 dev lo && exec sleep infinity"
)


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Sequence[str]]:
    """The beginning of commands that run in a pod with IPv6 addresses only."""
    with pod(PREPARE, ADDRESS, tmp_path) as enter:
        yield enter


@pytest.fixture
def inside_ipv4(tmp_path: Path) -> Iterator[Sequence[str]]:
    """The beginning of commands that run in a pod without IPv6."""
    with pod(PREPARE_IPV4, IPV4_ADDRESS, tmp_path) as enter:
        yield enter


@contextmanager
def pod(prepare: str, address: str, directory: Path) -> Iterator[Sequence[str]]:
    hosts = directory / "hosts"
    hosts.write_text(HOSTS)
    child = Child("pod", ["unshare", "--net", "--mount", "sh", "-c", prepare, hosts], directory / "pod.log")
    enter = ("nsenter", f"--target={child.process.pid}", "--net", "--mount")
    with child.running_when(lambda: address in output(*enter, "ip", "address")):
        yield enter


def output(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("openshift", [False, True])
def test_requests_reach_the_application(inside: Sequence[str], tmp_path: Path, openshift: bool) -> None:
    """Requests of agents, and on OpenShift those of users, too."""
    plan = planned(openshift=openshift, api_server=IPV6_API_SERVER)
    with ExitStack() as stack:
        [application] = free_ports(1)
        container = container_of(plan, secrets(plan), tmp_path, application)
        (tmp_path / "health").write_text("reached")
        serve = ("-m", "http.server", str(application), "--bind", "127.0.0.1", "--directory", tmp_path)
        for name, program in (("application", (sys.executable, *serve)), ("nginx", command(container))):
            child = Child(name, [*inside, *program], tmp_path / f"{name}.log")
            stack.callback(child.stop)
        certificate = tmp_path / "agent.pem"
        certificate.write_bytes(container.secret(AGENT)["tls.crt"] + container.secret(AGENT)["tls.key"])
        port = container.ports[names.PORT_AGENT_GATEWAY]
        as_agent = ("--insecure", "--cert", certificate, "--resolve", f"{HOST}:{port}:[{ADDRESS}]")
        user = f"http://127.0.0.1:{container.ports[names.PORT_USER_GATEWAY]}/health"
        requests = [(*as_agent, f"https://{HOST}:{port}/health"), *([(user,)] if openshift else [])]
        for request in requests:
            child.wait_until(lambda: output(*inside, "curl", "--silent", *request) == "reached", 60)  # noqa: B023


def test_no_token_is_logged_in_a_pod_without_ipv6(inside_ipv4: Sequence[str], tmp_path: Path) -> None:
    """The application does not run, and the pod has no address ::1 for the second attempt."""
    plan = planned(api_server=IPV6_API_SERVER)
    container = container_of(plan, secrets(plan), tmp_path, free_ports(1)[0])
    certificate = tmp_path / "agent.pem"
    certificate.write_bytes(container.secret(AGENT)["tls.crt"] + container.secret(AGENT)["tls.key"])
    port = container.ports[names.PORT_AGENT_GATEWAY]
    request = (
        "curl", "--silent", "--write-out", "%{http_code}", "--output", os.devnull, "--insecure", "--cert", certificate,
        "--resolve", f"{HOST}:{port}:{IPV4_ADDRESS}", f"https://{HOST}:{port}/health?token=token-in-the-query",
    )  # fmt: skip
    log = tmp_path / "nginx.log"
    child = Child("nginx", [*inside_ipv4, *command(container)], log)
    try:
        child.wait_until(lambda: output(*inside_ipv4, *request) == "502", 60)
        child.wait_until(lambda: '"GET /health HTTP/1.1" 502' in log.read_text(), 60)
    finally:
        child.stop()
    assert "token-in" not in log.read_text()
