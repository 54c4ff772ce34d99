"""Commands read settings of the environment, and a Cryostat in a file; what cannot be used is explained."""

from __future__ import annotations

import io
from pathlib import Path

import click
import pytest

from cryostat_operator import command_input
from cryostat_operator.command_input import cryostat_in_file, in_namespace, settings_of_environment
from tests.unit.command_line import CRYOSTAT, invoke


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


def file(text: str) -> io.StringIO:
    found = io.StringIO(text)
    found.name = "cr.yaml"
    return found


def test_the_namespace_of_the_file_precedes_that_of_the_command() -> None:
    with_namespace = CRYOSTAT.replace("name: sample", "name: sample, namespace: here")
    given = [(with_namespace, "there"), (CRYOSTAT, "there"), (CRYOSTAT, "")]
    found = [in_namespace(cryostat_in_file(file(text), namespace), "of-context") for text, namespace in given]
    assert [each.metadata["namespace"] for each in found] == ["here", "there", "of-context"]


def test_a_cryostat_without_spec_is_read() -> None:
    assert cryostat_in_file(file(CRYOSTAT.replace("spec: {}", "")), "here").metadata["name"] == "sample"


@pytest.mark.parametrize(("disabled", "default"), [("true", False), ("", True)])
def test_the_option_for_tls_precedes_the_variable(
    disabled: str, default: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISABLE_SERVICE_TLS", disabled)
    assert [settings_of_environment(tls).service_tls for tls in (None, True, False)] == [default, True, False]


def test_an_invalid_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCH_NAMESPACES", "No Name")
    with pytest.raises(click.ClickException, match="WATCH_NAMESPACES"):
        settings_of_environment()


def test_without_a_resolver_the_default_suffix_of_services_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLUSTER_DOMAIN", raising=False)
    monkeypatch.setattr(command_input, "Path", lambda _: Path("/absent/resolv.conf"))
    assert settings_of_environment().cluster_domain == "cluster.local"
