"""Exit statuses and output of `status`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from cryostat_operator.api import constants
from cryostat_operator.cli import main
from cryostat_operator.inspect import login
from cryostat_operator.kube.errors import ApiUnavailable, LoginError
from tests.unit.api_server import ApiServer
from tests.unit.inspect.instance import condition, cryostat, deployment, serve


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["status", *arguments])


def test_the_status_of_a_ready_instance(server: ApiServer) -> None:
    serve(server, cryostat(), deployment())
    result = invoke()
    assert result.exit_code == 0, result.output
    assert "Cryostat here/sample  Ready" in result.stdout
    assert "\x1b[" not in result.stdout


@pytest.mark.parametrize(("environment", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)])
def test_colors_of_a_terminal(server: ApiServer, environment: dict[str, str], colored: bool) -> None:
    serve(server, cryostat(), deployment())
    result = CliRunner().invoke(main, ["status"], color=True, env=environment)
    assert ("\x1b[" in result.stdout) == colored


def test_the_status_of_an_instance_that_is_not_ready(server: ApiServer) -> None:
    serve(server, cryostat(condition("Ready", "False", "Paused", "It is paused.")))
    result = invoke("sample", "-n", "here")
    assert result.exit_code == 1
    assert "Next: kubectl -n here annotate" in result.stdout


def test_output_as_json_and_yaml(server: ApiServer) -> None:
    serve(server, cryostat(), deployment())
    as_json, as_yaml = invoke("-A", "-o", "json"), invoke("-A", "-o", "yaml")
    assert json.loads(as_json.stdout) == yaml.safe_load(as_yaml.stdout)
    assert json.loads(as_json.stdout)["instances"][0]["name"] == "sample"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("absent",), "There is no Cryostat absent in this namespace."),
        (("-n", "elsewhere"), "There is no Cryostat in namespace elsewhere."),
        (("sample", "-A"), "exclude each other"),
        (("-o", "xml"), "is not one of"),
    ],
)
def test_wrong_use_is_explained(server: ApiServer, arguments: tuple[str, ...], message: str) -> None:
    serve(server, cryostat())
    result = invoke(*arguments)
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert message in result.output


def test_a_cluster_that_does_not_respond_is_reported(server: ApiServer) -> None:
    server.hook = lambda *_: ApiUnavailable(0, "Unavailable", "connection refused")
    result = invoke()
    assert result.exit_code == 2
    assert result.stderr == "Error: connection refused\n"


def test_a_missing_cluster_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    async def log_in(context: str | None = None) -> Any:
        raise LoginError("no cluster: nothing is configured")

    monkeypatch.setattr(login, "log_in", log_in)
    result = invoke()
    assert (result.exit_code, result.stderr) == (2, "Error: no cluster: nothing is configured\n")


def test_watching_ends_with_ctrl_c(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(server, cryostat(), deployment())
    waits = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            serve(server, cryostat(condition("Ready", "False", "Paused", "It is paused.")))
        if len(waits) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr("cryostat_operator.inspect.commands._sleep", sleep)
    result = invoke("--watch")
    assert result.exit_code == 0
    assert result.stdout.count("Cryostat here/sample  Ready") == 1
    assert result.stdout.count("Cryostat here/sample  Not ready") == 1


@pytest.mark.parametrize(
    "arguments", [["status"], ["must-gather", "-f", "x"], ["diff", "-"], ["backup", "sample", "--to", "x"]]
)
def test_an_interrupted_command_does_not_look_like_an_answer(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """Exit status 0 of `status` means ready, and 1 of `diff` means changes."""

    async def interrupted(context: str | None) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cryostat_operator.inspect.login.log_in", interrupted)
    environment = {"CRYOSTAT_BACKUP_PASSPHRASE": "a long passphrase"}
    file = yaml.safe_dump({"apiVersion": constants.API_VERSION, "kind": constants.KIND, "metadata": {"name": "x"}})
    result = CliRunner().invoke(main, arguments, input=file, env=environment)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "\nError: The command was interrupted and did not finish.\n"


def test_an_interrupted_prompt_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise click.Abort

    monkeypatch.setattr("cryostat_operator.backup.backup_commands.read_passphrase", interrupted)
    result = CliRunner().invoke(main, ["backup", "sample", "--to", "x"])
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: The command was interrupted and did not finish.\n")


def test_kopf_is_not_imported() -> None:
    modules = "inspect.instance_reader inspect.login inspect.tree inspect.instance_causes inspect.report kube.client"
    imports = "; ".join(f"import cryostat_operator.{name}" for name in ("cli", *modules.split()))
    code = f"import sys; {imports}; sys.exit('kopf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
