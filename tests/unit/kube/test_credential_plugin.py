"""Credential plugins of a kubeconfig: what they get, and what becomes of their output."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from cryostat_operator.kube.credential_plugin import credentials
from cryostat_operator.kube.errors import LoginError

VERSION = "client.authentication.k8s.io/v1"
SUBJECT = "context 'a'"


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())


def plugin(*words: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": VERSION, "command": words[0], "args": list(words[1:]), **fields}


def printing(output: object) -> dict[str, Any]:
    return plugin("printf", "%s", output if isinstance(output, str) else json.dumps(output))


def credential(status: object, **fields: str) -> dict[str, Any]:
    return {"apiVersion": VERSION, "kind": "ExecCredential", "status": status, **fields}


async def test_a_token_and_a_certificate_with_its_key() -> None:
    assert await credentials(printing(credential({"token": "t"})), {}, SUBJECT) == {"token": "t"}
    pair = {"clientCertificateData": "certificate", "clientKeyData": "key"}
    assert await credentials(printing(credential(pair)), {}, SUBJECT) == {
        "client-certificate-data": base64.b64encode(b"certificate").decode(),
        "client-key-data": base64.b64encode(b"key").decode(),
    }


async def test_a_plugin_gets_its_variables_and_the_cluster(tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_text("authority")
    cluster = {
        "server": "https://a",
        "certificate-authority": str(tmp_path / "ca.crt"),
        "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}}],
    }
    received = tmp_path / "received"
    output = json.dumps(credential({"token": "t"}))
    script = f"""printf '%s %s' "$ROLE" "$KUBERNETES_EXEC_INFO" > {received}; echo '{output}'"""
    fields = {"env": [{"name": "ROLE", "value": "reader"}], "provideClusterInfo": True}
    await credentials(plugin("sh", "-c", script, **fields), cluster, SUBJECT)
    role, _, request = received.read_text().partition(" ")
    assert role == "reader"
    assert json.loads(request) == {
        "kind": "ExecCredential",
        "apiVersion": VERSION,
        "spec": {
            "interactive": False,
            "cluster": {
                "server": "https://a",
                "certificate-authority-data": base64.b64encode(b"authority").decode(),
                "config": {"audience": "x"},
            },
        },
    }


async def test_a_variable_without_a_value_is_empty() -> None:
    fields = {"env": [{"name": "A"}, {"name": "B", "value": None}]}
    output = json.dumps(credential({"token": "found"}))
    script = f"""[ "${{A-unset}}${{B-unset}}" = "" ] && echo '{output}'"""
    assert await credentials(plugin("sh", "-c", script, **fields), {}, SUBJECT) == {"token": "found"}


async def test_the_messages_of_a_plugin_reach_the_user(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LoginError) as error:
        await credentials(plugin("sh", "-c", "echo Log in again >&2; exit 3"), {}, SUBJECT)
    assert str(error.value) == "context 'a': its credential plugin sh failed with exit status 3; see its messages"
    assert capfd.readouterr().err == "Log in again\n"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (
            {"apiVersion": VERSION},
            "context 'a': exec of its user needs command and an apiVersion of client.authentication.k8s.io",
        ),
        (
            {"command": "cat"},
            "context 'a': exec of its user needs command and an apiVersion of client.authentication.k8s.io",
        ),
        (
            plugin("no-such-plugin"),
            "context 'a': its credential plugin no-such-plugin does not exist. "
            "Install it, or correct exec.command of the user in the kubeconfig",
        ),
        (
            plugin("no-such-plugin", installHint="Install it\nfrom here"),
            "context 'a': its credential plugin no-such-plugin does not exist. Install it from here",
        ),
        (
            plugin("/dev/null"),
            "context 'a': its credential plugin /dev/null cannot be run: permission denied. "
            "Check exec.command of the user in the kubeconfig",
        ),
        (
            plugin("cat", interactiveMode="Always"),
            "context 'a': its credential plugin cat asks for input; run the command in a terminal",
        ),
    ],
)
async def test_a_plugin_that_cannot_be_run(found: dict[str, Any], message: str) -> None:
    with pytest.raises(LoginError) as error:
        await credentials(found, {}, SUBJECT)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("output", "cause"),
    [
        ("words", "its output is not JSON"),
        ([], "its output is not an ExecCredential with a status"),
        (credential(None), "its output is not an ExecCredential with a status"),
        (credential({"token": "t"}, kind="Other"), "its output is not an ExecCredential with a status"),
        (credential({}), "its output has neither a token nor a certificate"),
        (
            credential({"clientKeyData": "k", "token": "t"}),
            "its output has only one of clientCertificateData and clientKeyData",
        ),
        (
            credential({"token": "t"}, apiVersion="client.authentication.k8s.io/v1beta1"),
            f"its output has apiVersion client.authentication.k8s.io/v1beta1, and the kubeconfig {VERSION}",
        ),
    ],
)
async def test_an_output_without_credentials(output: object, cause: str) -> None:
    with pytest.raises(LoginError) as error:
        await credentials(printing(output), {}, SUBJECT)
    assert str(error.value) == (
        f"{SUBJECT}: its credential plugin printf returned no credentials: {cause}. "
        "Check exec of the user in the kubeconfig"
    )


async def test_a_plugin_ends_with_the_command(tmp_path: Path) -> None:
    """Ctrl-C while a plugin waits for a login in the browser."""
    started = tmp_path / "started"
    task = asyncio.create_task(
        credentials(
            plugin("sh", "-c", f"echo $$ > {started}.new; mv {started}.new {started}; exec sleep 600"), {}, SUBJECT
        )
    )
    while not started.exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
