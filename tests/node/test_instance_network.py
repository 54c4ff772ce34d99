"""Connections between real pods are allowed or refused as in the table of NetworkPolicies."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

import pytest

from tests.cluster.api import Object
from tests.cluster.operator_process import NAMESPACE
from tests.network_flows import LOOPBACK, SOURCES, STATES, TABLE, Flow, expected, place_of
from tests.node.configuration import DNS_ADDRESS
from tests.node.instance import OTHER, TARGET, Running, client, deployment_name, wait_until
from tests.node.replicas import replicas
from tests.node.shell import Shell

pytestmark = pytest.mark.timeout(900)
CONNECT = """
import concurrent.futures, socket, sys
def connect(address):
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 2).close()
    except OSError:
        return "closed"
    return "open"
with concurrent.futures.ThreadPoolExecutor(len(sys.argv)) as pool:
    print(*pool.map(connect, sys.argv[1:]))
"""
NO_POD = {"neighbor", "outside"}  # places of the table without a pod in these tests
# Starts a program that accepts connections to a port, and prints its process ID.
LISTEN = """
import subprocess, sys
program = "import socket, sys; server = socket.create_server(('', int(sys.argv[1])))"
program += "\\nwhile True: server.accept()[0].close()"
command = [sys.executable, "-c", program, sys.argv[1]]
quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
print(subprocess.Popen(command, **quiet, start_new_session=True).pid)
"""
END = "import os, signal, sys; os.kill(int(sys.argv[1]), signal.SIGKILL)"


@pytest.fixture
def shells(instance: Running) -> Iterator[Mapping[str, Shell]]:
    """Sessions at the places of the table with a pod, one of which is created in a target namespace."""
    pod = instance.api.create(client(TARGET))
    wait_until(lambda: is_running(instance), "the client of the target namespace runs")
    with ExitStack() as stack:
        found = {source: open_shell(instance, source) for source in SOURCES if source not in NO_POD}
        for shell in found.values():
            stack.enter_context(shell)
        with closed_port(found["operator"]):
            yield found
    instance.api.delete(pod)


@contextmanager
def closed_port(operator: Shell) -> Iterator[None]:
    """Let a program of the operator's pod listen on the ports that the table closes, so that only the policy does."""
    ports = [
        port.partition(":")[2]
        for port, sources in TABLE["open"].items()
        if place_of(port) == "operator" and not sources
    ]
    assert ports
    programs = [operator.run("python3", "-c", LISTEN, port).strip() for port in ports]
    try:
        own = [f"127.0.0.1:{port}" for port in ports]
        wait_until(lambda: set(operator.run("python3", "-c", CONNECT, *own).split()) == {"open"}, "the program listens")
        yield
    finally:
        for program in programs:
            operator.run("python3", "-c", END, program)


def open_shell(instance: Running, source: str) -> Shell:
    if source == "operator":
        return Shell(instance.node, NAMESPACE, operator_pod(instance)["metadata"]["name"], "operator")
    if source in ("other", "target"):
        return Shell(instance.node, OTHER if source == "other" else TARGET, "client", "client")
    name = deployment_of(instance, source)
    return instance.shell(name, f"{instance.name}-db" if source == "database" else name)


def operator_pod(instance: Running) -> Object:
    """The pod of the operator that is the place in the table."""
    return min(replicas(instance.node), key=lambda pod: str(pod["metadata"]["name"]))


def is_running(instance: Running) -> bool:
    return bool(instance.api.get("v1", "Pod", "client", TARGET)["status"].get("phase") == "Running")


def addresses(instance: Running) -> dict[str, str]:
    """The addresses of places in the table, except those without one."""
    pods = {deployment_name(pod): pod["status"]["podIP"] for pod in instance.pods}
    own = {name: pods[deployment_of(instance, name)] for name in ("application", "database", "reports", "storage")}
    clients = {
        name: instance.api.get("v1", "Pod", "client", namespace)["status"]["podIP"]
        for name, namespace in (("other", OTHER), ("target", TARGET))
    }
    server = urlsplit(instance.node.server).hostname or ""
    operator = operator_pod(instance)["status"]["podIP"]
    return {**own, **clients, "operator": operator, "api-server": server, "dns": DNS_ADDRESS}


def deployment_of(instance: Running, place: str) -> str:
    return instance.name if place == "application" else f"{instance.name}-{place}"


def open_ports(instance: Running, shell: Shell, source: str, ports: list[str]) -> dict[Flow, bool]:
    """Whether the pod at this place can connect to each port of the table."""
    known = addresses(instance)
    numbers = {"api-server": urlsplit(instance.node.server).port}  # a free port of the machine
    listed = [f"{known[(place := place_of(port))]}:{numbers.get(place, port.partition(':')[2])}" for port in ports]
    answer = shell.run("python3", "-c", CONNECT, *listed)
    return {(source, port): word == "open" for port, word in zip(ports, answer.split(), strict=True)}


def wrong_flows(instance: Running, shells: Mapping[str, Shell], policies: Object) -> list[str]:
    """The connections between pods that differ from the table."""
    wanted = {
        flow: is_open for flow, is_open in expected(policies).items() if not NO_POD & {flow[0], place_of(flow[1])}
    }
    sources = sorted({source for source, _ in wanted})
    wanted |= {(source, port): False for source in sources for port in LOOPBACK if source != "application"}
    tried = [(shells[source], source, [port for start, port in wanted if start == source]) for source in sources]
    with ThreadPoolExecutor(len(tried)) as pool:
        found = dict(ChainMap(*pool.map(lambda each: open_ports(instance, *each), tried)))
    return [
        f"{source} to {port} is {'open' if found[source, port] else 'closed'}"
        for (source, port), is_open in wanted.items()
        if found[source, port] != is_open
    ]


def test_connections_are_as_the_table_of_network_policies_says(instance: Running, shells: Mapping[str, Shell]) -> None:
    """The instance works in each state of the table."""
    for policies in (*STATES, {}):
        instance.api.patch(instance.cryostat, {"spec": {"networkPolicies": None}})
        instance.api.patch(instance.cryostat, {"spec": {"networkPolicies": policies or None}})
        wrong: list[str] = []

        def as_expected() -> bool:
            wrong[:] = wrong_flows(instance, shells, policies)  # noqa: B023
            return not wrong  # noqa: B023

        try:
            # Policies take effect some time after their creation.
            wait_until(as_expected, f"connections are as expected with {policies}")
        except TimeoutError:
            print(*wrong, sep="\n")
            raise
        wait_until(lambda: instance.request("/api/v4/targets", instance.login())[0] == 200, "the application answers")
    wait_until(lambda: instance.is_ready, "the instance is Ready")
