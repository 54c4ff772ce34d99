"""Kubeconfigs of one or several files. The tests of both logins use the client library."""

from __future__ import annotations

from pathlib import Path

import pytest

from cryostat_operator.kube import kubeconfig
from cryostat_operator.kube.errors import LoginError


def test_the_first_entry_of_a_name_takes_precedence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("users: [{name: u, user: {tokenFile: t}}]\ncontexts: [{name: c, context: {user: u}}]")
    two.write_text("current-context: c\nusers: [{name: u, user: {token: x}}, {name: v}]")
    monkeypatch.setenv("KUBECONFIG", f"{one}::{tmp_path / 'absent'}:{two}")
    assert kubeconfig.files() == [one, two]
    config = kubeconfig.merged(kubeconfig.files())
    assert config["current"] == "c"
    assert kubeconfig.user_of(config, "c") == {"tokenFile": str(tmp_path / "t")}
    assert config["users"]["v"] == {}
    assert kubeconfig.user_of(config, "absent") == {}


@pytest.mark.parametrize(
    ("command", "expected"),
    [("./plugin", "{}/plugin"), ("bin/plugin", "{}/bin/plugin"), ("/bin/plugin", "/bin/plugin"), ("plugin", "plugin")],
)
def test_the_path_of_a_credential_plugin_is_relative_to_its_kubeconfig(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config").write_text(f"users: [{{name: u, user: {{exec: {{command: {command}, args: [./a]}}}}}}]")
    plugin = kubeconfig.merged([Path("config")])["users"]["u"]["exec"]
    assert plugin == {"command": expected.format(tmp_path), "args": ["./a"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a", "the file {} is not a kubeconfig"),
        (b"a:\n- [", "the kubeconfig {} is not YAML, see line 2"),
        (b"\xff\xfe\xff", "the kubeconfig {} is not YAML"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "config"
    file.write_bytes(content)
    with pytest.raises(LoginError) as error:
        kubeconfig.merged([file])
    assert str(error.value) == message.format(file)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoginError) as error:
        kubeconfig.merged([tmp_path])
    assert str(error.value) == f"the kubeconfig {tmp_path} cannot be read: Is a directory"
