"""The command `run`: signals, and errors at the start."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from cryostat_operator import handlers, logs
from cryostat_operator.inspect import commands
from cryostat_operator.kube.errors import LoginError
from cryostat_operator.run_command import run


@pytest.fixture
def restored_signals() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def usable_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "require_usable_kubeconfig", lambda: None)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(run, arguments)


@pytest.mark.usefixtures("restored_signals", "usable_kubeconfig")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_signals_end_the_operator_even_if_they_are_ignored_at_the_start(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = []

    async def serve(*_: object) -> None:
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
        try:
            await asyncio.sleep(10)
        finally:
            stopped.append(True)

    monkeypatch.setattr(handlers, "run", serve)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    signal.signal(number, signal.SIG_IGN)
    result = invoke()
    assert (result.exit_code, stopped) == (0, [True])


@pytest.mark.usefixtures("restored_signals", "usable_kubeconfig")
def test_it_listens_on_all_addresses_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a cluster with IPv6 only, the kubelet and the API server cannot connect to 0.0.0.0."""
    addresses = []

    async def serve(_: object, *address: object) -> None:
        addresses.append(address)

    monkeypatch.setattr(handlers, "run", serve)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    assert invoke().exit_code == 0
    assert addresses == [("", 8081, 9443)]


@pytest.mark.usefixtures("restored_signals", "usable_kubeconfig")
def test_the_operator_restarts_in_place_when_cryostats_are_no_longer_served(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started: list[tuple[str, list[str]]] = []

    async def serve(*_: object) -> None:
        raise handlers.CrdNotServedError

    monkeypatch.setattr(handlers, "run", serve)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append((path, arguments)))
    invoke()
    assert started == [(sys.executable, sys.orig_argv)]
    assert caplog.messages == [str(handlers.CrdNotServedError())]


@pytest.mark.usefixtures("restored_signals", "usable_kubeconfig")
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (LoginError("the kubeconfig is gone"), "the kubeconfig is gone"),
        (
            OSError(errno.EADDRINUSE, "Address already in use (address 0.0.0.0, port 8081)"),
            "The operator cannot listen: Address already in use (address 0.0.0.0, port 8081). "
            "Choose other addresses with --host, --port and --webhook-port.",
        ),
        (
            socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
            "The operator cannot listen: Name or service not known. "
            "Choose other addresses with --host, --port and --webhook-port.",
        ),
    ],
)
def test_an_operator_that_cannot_start_says_why(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(*_: object) -> None:
        raise error

    monkeypatch.setattr(handlers, "run", serve)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    result = invoke()
    assert (result.exit_code, result.output) == (1, f"Error: {message}\n")


@pytest.mark.usefixtures("restored_signals", "usable_kubeconfig")
def test_a_file_that_cannot_be_read_is_no_wrong_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/certificates/tls.key")

    monkeypatch.setattr(handlers, "run", serve)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    assert isinstance(invoke().exception, PermissionError)


def test_the_operator_does_not_start_with_an_unknown_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def serve(*_: object) -> None:
        raise AssertionError("the operator runs")

    monkeypatch.setattr(handlers, "run", serve)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    monkeypatch.setenv("WEBHOOK_CLIENT_CERTIFICATE", "requried")
    result = invoke()
    assert result.exit_code == 1
    assert result.output.startswith("Error: The variable WEBHOOK_CLIENT_CERTIFICATE has the unknown value 'requried'. ")


@pytest.mark.parametrize("option", ["--port", "--webhook-port"])
def test_a_number_that_is_no_port_is_refused(option: str) -> None:
    result = invoke(option, "70000")
    assert (result.exit_code, "70000 is not in the range 0<=x<=65535" in result.output) == (2, True)
