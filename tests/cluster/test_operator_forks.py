"""A forked operator is like a started program: arguments, environment, directory, output, session and exit code."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cluster.operator_forks import Fork, ForkServer, server
from tests.command import PROGRAM


def fork(directory: Path, *arguments: str, **environment: str) -> Fork:
    env = {"PATH": os.environ["PATH"], "HOME": str(directory), **environment}
    return server.start([str(PROGRAM), *arguments], env, directory / "log")


def program(directory: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """Exit code and output of the program itself."""
    env = {"PATH": os.environ["PATH"], "HOME": str(directory), **environment}
    result = subprocess.run(
        [str(PROGRAM), *arguments], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return result.returncode, result.stdout


@pytest.mark.parametrize("arguments", [["run", "--help"], ["run", "--port=x"], ["render", "sample.yaml"]])
def test_exit_code_and_output_are_those_of_the_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sample.yaml").write_text("apiVersion: operator.cryostat.io/v1beta2\nkind: Cryostat\nmetadata: {name: x}\n")
    variables = {"CORE_IMG": "", "CLUSTER_DOMAIN": "example.test"}
    expected = program(tmp_path, *arguments, **variables)
    code = fork(tmp_path, *arguments, **variables).wait(60)
    assert (code, (tmp_path / "log").read_text()) == expected


def test_each_has_its_own_environment(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert fork(tmp_path, "run", "--port=0", KUBECONFIG=f"/nonexistent/{name}").wait(60) == 2
        assert f"/nonexistent/{name}" in (tmp_path / "log").read_text().splitlines()[-1]


def test_each_is_the_first_of_a_session_and_ends_with_the_signal(tmp_path: Path) -> None:
    config = tmp_path / "config"
    os.mkfifo(config)  # reading it takes until something is written
    process = fork(tmp_path, "run", "--port=0", KUBECONFIG=str(config))
    assert (os.getsid(process.pid), os.getpgid(process.pid)) == (process.pid, process.pid)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait(60) == process.poll() == -signal.SIGKILL
    process.terminate()  # does nothing, as with Popen


def test_nothing_else_is_inherited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nonexistent/of-the-tests")
    own = ForkServer()
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    assert own.start([str(PROGRAM), "run", "--port=0"], env, tmp_path / "log").wait(60) == 2
    assert "of-the-tests" not in (tmp_path / "log").read_text()
