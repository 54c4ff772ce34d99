"""Writes the tables of broken situations in docs/situations.md: `python -m tests.docs.situations`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cryostat_operator.plan.model.kinds import Obj
from tests.unit.situations import groups, reported

PAGE = Path(__file__).parents[2] / "docs" / "situations.md"
BEGIN = "<!-- written by `python -m tests.docs.situations` from tests/situations.yaml -->"
END = "<!-- end of the tables -->"


def tables() -> str:
    """A table below a heading for each group, with one row for each situation."""
    return "\n\n".join(f"## {title}\n\n{table(group)}" for title, group in groups().items())


def table(group: Iterable[Obj]) -> str:
    """The table of one group."""
    lines = ["| what happened | `STATUS` | condition: reason | event | what to do |", "|---|---|---|---|---|"]
    for situation in group:
        found = reported(situation)
        event = situation.get("event", "").partition(" ")
        cells = (
            situation["what"],
            found.summary,
            f"`{situation.get('condition', 'Ready')}`: `{situation['reason']}`",
            f"`{event[2]}`{' (Normal)' if event[0] == 'Normal' else ''}" if event[2] else "–",
            situation["remedy"],
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def with_tables(page: str) -> str:
    """Replace the tables of a page by the current ones.

    Raises:
        ValueError: the page lacks the line before or after the tables.
    """
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"no place for the tables in {PAGE.name}")
    return f"{before}{BEGIN}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
