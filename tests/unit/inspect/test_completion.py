"""Completion in the protocol of kubectl."""

from __future__ import annotations

from cryostat_operator.cli import main
from cryostat_operator.inspect.completion import completions


def test_commands_options_and_values_are_completed() -> None:
    assert completions(main, ["sta"])[0].startswith("status\t")
    assert completions(main, ["status", "-o", "j"]) == ["json", ":4"]
    assert any(line.startswith("--watch") for line in completions(main, ["status", "--w"]))


def test_files_are_left_to_the_shell() -> None:
    assert completions(main, ["render", ""]) == [":0"]


def test_nothing_typed_completes_commands() -> None:
    assert completions(main, [])[-1] == ":4"
