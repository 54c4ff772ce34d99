"""The command line: messages and exit codes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner, Result

from cryostat_operator import __version__, cli
from cryostat_operator.images import AGENT_VERSION, CRYOSTAT_VERSION
from cryostat_operator.packaging import generate
from tests.command import PROGRAM

CRYOSTAT = """
apiVersion: operator.cryostat.io/v1beta2
kind: Cryostat
metadata: {name: sample}
spec: {}
"""
VALUES_OR_CRYOSTAT = {"render": CRYOSTAT, "convert-values": "reports: {replicas: 1}", "--help": ""}


def invoke(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli.main, arguments, input=text)


def test_the_version_has_the_releases_of_the_operands() -> None:
    result = invoke("--version")
    versions = re.fullmatch(r"\S+ (\S+), for Cryostat (\S+) and its agent (\S+)\n", result.stdout)
    assert versions
    assert versions.groups() == (__version__, CRYOSTAT_VERSION, AGENT_VERSION)


def test_render_prints_objects() -> None:
    result = invoke("render", "-", text=CRYOSTAT)
    assert result.exit_code == 0
    assert "kind: Deployment" in result.stdout
    assert "warning" not in result.stderr


@pytest.mark.parametrize("command", ["render", "diff"])
def test_fields_that_do_not_exist_are_named(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The API server refuses them. `kubectl apply` without validation drops them."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    spec = "spec: {reportOption: {}, jmxCredential: 1, targetNamespaces: [a], storageOptions: {database: {pcv: {}}}}"
    result = invoke(command, "-", text=CRYOSTAT.replace("spec: {}", spec))
    for field in ("reportOption", "jmxCredential", "storageOptions.database.pcv"):
        assert f"warning: <stdin>: the field spec.{field} does not exist and is ignored.\n" in result.stderr
    assert result.stderr.count("warning:") == 3


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
