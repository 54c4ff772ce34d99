"""Sources of the passphrase: a file, the environment, a prompt or the standard input."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cryostat_operator.api.backup_schedule import PASSPHRASE_VARIABLE
from cryostat_operator.backup import passphrase
from cryostat_operator.backup.passphrase import SHORTEST, read_passphrase

PASSPHRASE = "correct horse battery"


@pytest.fixture(autouse=True)
def no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSPHRASE_VARIABLE, raising=False)


def read(file: Path | None = None, typed: str = "", *, confirm: bool = False) -> Result:
    """Run a command that prints the passphrase in brackets."""
    name = str(file) if file else None
    command = click.Command("read", callback=lambda: click.echo(f"<{read_passphrase(name, confirm=confirm).decode()}>"))
    return CliRunner().invoke(command, input=typed)


def test_a_file_is_read_without_its_line_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "another passphrase")
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\r\n")
    assert read(file).output == f"<{PASSPHRASE}>\n"


def test_a_file_that_is_not_text_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(b"\xff")
    result = read(file)
    assert (result.exit_code, result.stderr) == (2, f"Error: {file} cannot be read: it is not text.\n")
    result = read(tmp_path / "missing")
    assert result.stderr == f"Error: {tmp_path / 'missing'} cannot be read: No such file or directory.\n"


def test_the_variable_may_have_the_line_ending_of_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, f"{PASSPHRASE}\n")  # a Secret that was created from the file
    assert read().output == f"<{PASSPHRASE}>\n"


def test_a_short_passphrase_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "x" * (SHORTEST - 1))
    result = read()
    assert result.exit_code == 2
    assert result.stderr == "Error: The passphrase is too short: it needs 12 characters or more.\n"


@pytest.mark.parametrize("confirm", [False, True])
def test_it_is_typed_at_a_terminal_without_being_shown(monkeypatch: pytest.MonkeyPatch, confirm: bool) -> None:
    monkeypatch.setattr(passphrase, "_has_terminal", lambda: True)
    result = read(typed=f"{PASSPHRASE}\n" * (2 if confirm else 1), confirm=confirm)
    assert result.stdout == f"<{PASSPHRASE}>\n"
    assert "Passphrase:" in result.stderr
    assert PASSPHRASE not in result.stderr
    assert ("Repeat for confirmation:" in result.stderr) is confirm


def test_without_a_terminal_the_first_line_of_the_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase, "_has_terminal", lambda: False)
    assert read(typed=f"{PASSPHRASE}\nmore\n").output == f"<{PASSPHRASE}>\n"


@pytest.mark.parametrize("has_terminal", [False, True])
def test_without_any_source_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, has_terminal: bool) -> None:
    monkeypatch.setattr(passphrase, "_has_terminal", lambda: has_terminal)
    result = read()
    expected = "Error: There is no passphrase. Set CRYOSTAT_BACKUP_PASSPHRASE, or use --passphrase-file.\n"
    assert result.exit_code == 2
    assert result.stderr.endswith(expected)
