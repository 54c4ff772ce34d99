"""The command line: signals, messages and exit codes."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner, Result

from cryostat_operator import __version__, cli, handlers, logs
from cryostat_operator.images import AGENT_VERSION, CRYOSTAT_VERSION
from cryostat_operator.inspect import commands
from cryostat_operator.kube.errors import LoginError
from cryostat_operator.packaging import generate

CRYOSTAT = """
apiVersion: operator.cryostat.io/v1beta2
kind: Cryostat
metadata: {name: sample}
spec: {}
"""
VALUES_OR_CRYOSTAT = {"render": CRYOSTAT, "convert-values": "reports: {replicas: 1}", "--help": ""}
PROGRAM = Path(sys.executable).parent / "cryostat-operator"


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


def invoke(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli.main, arguments, input=text)


@pytest.mark.usefixtures("restored_signals", "usable_kubeconfig")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_signals_end_the_operator_even_if_they_are_ignored_at_the_start(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = []

    async def run(*_: object) -> None:
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
        try:
            await asyncio.sleep(10)
        finally:
            stopped.append(True)

    monkeypatch.setattr(handlers, "run", run)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    signal.signal(number, signal.SIG_IGN)
    result = invoke("run")
    assert (result.exit_code, stopped) == (0, [True])


@pytest.mark.usefixtures("restored_signals", "usable_kubeconfig")
def test_the_operator_restarts_in_place_when_cryostats_are_no_longer_served(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started: list[tuple[str, list[str]]] = []

    async def run(*_: object) -> None:
        raise handlers.CrdNotServedError

    monkeypatch.setattr(handlers, "run", run)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    monkeypatch.setattr(os, "execv", lambda path, arguments: started.append((path, arguments)))
    invoke("run")
    assert started == [(sys.executable, sys.orig_argv)]
    assert caplog.messages == [str(handlers.CrdNotServedError())]


@pytest.mark.usefixtures("restored_signals", "usable_kubeconfig")
@pytest.mark.parametrize(
    ("error", "message"),
    [
        (LoginError("the kubeconfig is gone"), "the kubeconfig is gone"),
        (
            OSError(errno.EADDRINUSE, "error while attempting to bind on address ('0.0.0.0', 8081): address in use"),
            "The operator cannot listen: error while attempting to bind on address ('0.0.0.0', 8081): address in use. "
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
    async def run(*_: object) -> None:
        raise error

    monkeypatch.setattr(handlers, "run", run)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    result = invoke("run")
    assert (result.exit_code, result.output) == (1, f"Error: {message}\n")


@pytest.mark.usefixtures("restored_signals", "usable_kubeconfig")
def test_a_file_that_cannot_be_read_is_no_wrong_address(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/certificates/tls.key")

    monkeypatch.setattr(handlers, "run", run)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    assert isinstance(invoke("run").exception, PermissionError)


def test_the_operator_does_not_start_with_an_unknown_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run(*_: object) -> None:
        raise AssertionError("the operator runs")

    monkeypatch.setattr(handlers, "run", run)
    monkeypatch.setattr(logs, "configure", lambda **_: None)
    monkeypatch.setenv("WEBHOOK_CLIENT_CERTIFICATE", "requried")
    result = invoke("run")
    assert result.exit_code == 1
    assert result.output.startswith("Error: The variable WEBHOOK_CLIENT_CERTIFICATE has the unknown value 'requried'. ")


def test_the_version_has_the_releases_of_the_operands() -> None:
    result = invoke("--version")
    versions = re.fullmatch(r"\S+ (\S+), for Cryostat (\S+) and its agent (\S+)\n", result.stdout)
    assert versions
    assert versions.groups() == (__version__, CRYOSTAT_VERSION, AGENT_VERSION)


def test_render_prints_objects() -> None:
    result = invoke("render", "-", text=CRYOSTAT)
    assert result.exit_code == 0
    assert "kind: Deployment" in result.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", " is not valid YAML (line 1, column 2): expected the node content, but found '<stream end>'"),
        ("kind: Other", " contains 0 objects of kind Cryostat; exactly one is needed"),
        (CRYOSTAT + "---" + CRYOSTAT, " contains 2 objects of kind Cryostat; exactly one is needed"),
        (
            CRYOSTAT.replace("v1beta2", "v1"),
            " contains a Cryostat of apiVersion operator.cryostat.io/v1; write it as operator.cryostat.io/v1beta2",
        ),
        (CRYOSTAT.replace("name: sample", ""), " contains a Cryostat without metadata.name"),
        (
            CRYOSTAT.replace("spec: {}", "spec: {targetNamespaces: 5}"),
            ": the Cryostat is not valid:\n  spec.targetNamespaces: Input should be a valid list",
        ),
    ],
)
def test_files_that_cannot_be_used_are_explained(text: str, message: str) -> None:
    result = invoke("render", "-", text=text)
    assert (result.exit_code, result.output) == (1, f"Error: <stdin>{message}\n")


@pytest.mark.parametrize("command", ["render", "diff", "convert-values"])
def test_files_that_are_no_text_are_explained(command: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xff\xfe\0")
    result = invoke(command, str(file))
    assert (result.exit_code, result.output) == (
        2 if command == "diff" else 1,
        f"Error: {file} is not text in UTF-8.\n",
    )


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("arguments", [["render", "-"], ["convert-values", "-"], ["--help"]], ids=lambda each: each[0])
def test_a_full_disk_is_reported(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [PROGRAM, *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            input=VALUES_OR_CRYOSTAT[arguments[0]],
        )
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "Error: The output cannot be written: No space left on device.",
    )


def test_characters_that_the_encoding_lacks_are_replaced() -> None:
    code = "from cryostat_operator.cli import main; import click; main.add_command(click.Command('x', callback="
    code += "lambda: click.echo('\\u2713 ready'))); main(['x'])"
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "? ready\n"), done.stderr


@pytest.mark.parametrize("option", ["--port", "--webhook-port"])
def test_a_number_that_is_no_port_is_refused(option: str) -> None:
    result = invoke("run", option, "70000")
    assert (result.exit_code, "70000 is not in the range 0<=x<=65535" in result.output) == (2, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a", " contains no mapping of chart values"),
        (
            "reports: {replicas: many}",
            ": the values do not result in a valid Cryostat:\n"
            "  spec.reportOptions.replicas: Input should be a valid integer",
        ),
    ],
)
def test_values_that_cannot_be_used_are_explained(text: str, message: str) -> None:
    result = invoke("convert-values", "-", text=text)
    assert (result.exit_code, result.output) == (1, f"Error: <stdin>{message}\n")


def test_values_that_are_not_converted_are_warnings_and_errors_if_strict() -> None:
    warning = "warning: core.other: chart version 2.3 has no such value; it is ignored\n"
    loose, strict = (invoke("convert-values", "-", *flags, text="core: {other: 1}") for flags in ((), ("--strict",)))
    assert (loose.exit_code, strict.exit_code) == (0, 1)
    assert "kind: Cryostat" in loose.stdout
    assert strict.stdout == ""
    for result in (loose, strict):
        assert result.stderr.startswith(f"{warning}note: db.pvc.enabled: ")


def test_generate_names_a_package_that_only_developers_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> NoReturn:
        raise ModuleNotFoundError(name="kubernetes_validate")

    monkeypatch.setattr(generate, "generated_files", fail)
    result = invoke("generate", "--root", str(tmp_path))
    assert (result.exit_code, result.stdout, list(tmp_path.iterdir())) == (2, "", [])
    assert result.stderr == (
        "Error: The Python package kubernetes_validate is missing. "
        "Run the command of .venv, which `make venv` creates.\n"
    )


def test_generated_files_are_checked_without_writing(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    for name in ("crds", "bundle", "manifests", "overlays"):
        shutil.copytree(root / name, tmp_path / name)
    assert invoke("generate", "--check", "--root", str(tmp_path)).exit_code == 0
    [crd, *_] = sorted((tmp_path / "crds").glob("*.yaml"))
    crd.write_text("stale")
    result = invoke("generate", "--check", "--root", str(tmp_path))
    assert result.exit_code == 1
    assert result.output == f"out of date: {crd}\n"
    assert crd.read_text() == "stale"


def test_the_list_of_commands_has_whole_sentences() -> None:
    """In a terminal of 80 columns, too."""
    listed = CliRunner().invoke(cli.main, ["--help"], terminal_width=80).output.split("Commands:\n")[1].splitlines()
    assert len(listed) == len(cli.main.commands)
    assert [line for line in listed if not line.endswith(".") or line.endswith("...")] == []
