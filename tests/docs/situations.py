"""Writes the table of broken situations in docs/troubleshooting.md: `python -m tests.docs.situations`."""

from __future__ import annotations

from pathlib import Path

from tests.unit.situations import reported, situations

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
BEGIN = "<!-- written by `python -m tests.docs.situations` from tests/situations.yaml -->"
END = "<!-- end of the table -->"


def table() -> str:
    """The table, one row for each situation."""
    lines = ["| what happened | `STATUS` | condition: reason | event | what to do |", "|---|---|---|---|---|"]
    for situation in situations():
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


def with_table(page: str) -> str:
    """Replace the table of a page by the current one.

    Raises:
        ValueError: the page lacks one of the two marks.
    """
    before, mark, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not mark or not end:
        raise ValueError(f"no place for the table in {PAGE.name}")
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
