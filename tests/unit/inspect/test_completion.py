"""Completion in the protocol of kubectl."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from cryostat_operator.cli import main
from cryostat_operator.inspect.completion import completions


def test_commands_options_and_values_are_completed() -> None:
    assert completions(main, ["sta"])[0].startswith("status\t")
    assert completions(main, ["status", "-o", "j"]) == ["json", ":4"]
    assert any(line.startswith("--watch") for line in completions(main, ["status", "--w"]))


def test_the_shell_completes_files() -> None:
    assert completions(main, ["render", ""]) == [":0"]


def test_an_empty_word_completes_commands() -> None:
    assert completions(main, [])[-1] == ":4"


@pytest.mark.parametrize("program", ["cryostat-operator", "kubectl-cryostat"])
@pytest.mark.parametrize(
    ("shell", "words", "position", "expected"),
    [
        ("bash", "{} status -o j", "3", "plain,json\n"),
        ("zsh", "{} status -o j", "3", "plain\njson\n_\n"),
        ("fish", "{} status -o j", "j", "plain,json\n"),
    ],
)
def test_completion_of_shells(program: str, shell: str, words: str, position: str, expected: str) -> None:
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
    script = CliRunner().invoke(main, [], prog_name=program, env={variable: f"{shell}_source"})
    assert (script.exit_code, f"{variable}={shell}_complete" in script.stdout) == (0, True)
    typed = {"COMP_WORDS": words.format(program), "COMP_CWORD": position}
    found = CliRunner().invoke(main, [], prog_name=program, env={variable: f"{shell}_complete", **typed})
    assert found.stdout == expected
