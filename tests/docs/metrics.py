"""Writes the table of metrics in docs/metrics.md: `python -m tests.docs.metrics`."""

from __future__ import annotations

from pathlib import Path

from cryostat_operator import metric_table

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
BEGIN = "<!-- written by `python -m tests.docs.metrics` from operator/cryostat_operator/metric_table.py -->"
END = "<!-- end of the table -->"


def table() -> str:
    """The table, one row for each metric."""
    lines = ["| metric | type | meaning | labels |", "|---|---|---|---|"]
    for metric in metric_table.METRICS:
        labels = "<br>".join(f"`{label.name}`: {label.values}" for label in metric.labels)
        lines.append(f"| `{metric.name}` | {metric.type} | {metric.help} | {labels or '–'} |")
    return "\n".join(lines)


def with_table(page: str) -> str:
    """The page with the present table.

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
