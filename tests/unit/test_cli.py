"""The command line: messages and exit codes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from cryostat_operator import __version__, cli
from cryostat_operator.api.v1beta2 import Cryostat
from cryostat_operator.images import AGENT_VERSION, CRYOSTAT_VERSION
from cryostat_operator.packaging import generate
from cryostat_operator.reconcile.dry_run import Difference
from tests.unit.command_line import CRYOSTAT, invoke

KUBECONFIG = """
current-context: a
clusters: [{name: a, cluster: {server: "https://a.example.com"}}]
contexts: [{name: a, context: {cluster: a, user: a, namespace: of-context}}]
users: [{name: a, user: {token: t}}]
"""


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


@pytest.mark.parametrize(
    ("metadata", "option", "expected"),
    [
        ("{name: sample}", [], "of-context"),
        ("{name: sample}", ["-n", "of-option"], "of-option"),
        ("{name: sample, namespace: of-file}", ["-n", "of-option"], "of-file"),
    ],
)
def test_diff_is_about_the_namespace_to_which_kubectl_would_apply(
    metadata: str, option: list[str], expected: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    namespaces: list[str] = []

    async def difference(_client: object, cryostat: Cryostat, _settings: object) -> Difference:
        namespaces.append(cryostat.metadata["namespace"])
        return Difference("", ())

    (tmp_path / "config").write_text(KUBECONFIG)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    monkeypatch.setattr("cryostat_operator.reconcile.dry_run.difference", difference)
    result = invoke("diff", "-", *option, text=CRYOSTAT.replace("{name: sample}", metadata))
    assert (result.exit_code, result.output) == (0, "")
    assert namespaces == [expected]


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
