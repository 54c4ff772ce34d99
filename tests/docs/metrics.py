"""Writes the tables of metrics and alerts in docs/metrics.md: `python -m tests.docs.metrics`."""

from __future__ import annotations

from pathlib import Path

from cryostat_operator import metric_table
from cryostat_operator.packaging import alert_rules, alerts

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
END = "<!-- end of the table -->"


def begin(source: str) -> str:
    """The line before the table that is generated from a module."""
    return f"<!-- written by `python -m tests.docs.metrics` from operator/cryostat_operator/{source} -->"


def table_of_metrics() -> list[str]:
    """One row for each metric."""
    lines = ["| metric | type | meaning | labels |", "|---|---|---|---|"]
    for metric in metric_table.METRICS:
        labels = "<br>".join(f"`{label.name}`: {label.values}" for label in metric.labels)
        lines.append(f"| `{metric.name}` | {metric.type} | {metric.help} | {labels or '–'} |")
    return lines


def table_of_alerts() -> list[str]:
    """One row for each alert."""
    lines = ["| alert | severity | fires after | meaning |", "|---|---|---|---|"]
    for alert in alerts.ALERTS:
        link = f"[{alert.name}](troubleshooting.md#{alert.name.lower()})"
        meaning = alert.summary
        for template, word in ((alert_rules.CRYOSTAT, "NAMESPACE/NAME"), (alert_rules.DURATION, "less than 7 days")):
            meaning = meaning.replace(template, word)
        for template in (alert_rules.CERTIFICATE, alert_rules.REASON, alert_rules.PERCENT, "{{ $labels.path }}"):
            meaning = meaning.replace(template, "…")
        delay = "at once" if alert.for_duration == "0m" else alert.for_duration
        lines.append(f"| {link} | {alert.severity} | {delay} | {meaning} |")
    return lines


def with_tables(page: str) -> str:
    """Replace the tables of a page by the current ones.

    Raises:
        ValueError: the page lacks the line before or after a table.
    """
    for source, table in (("metric_table.py", table_of_metrics()), ("packaging/alerts.py", table_of_alerts())):
        before, mark, rest = page.partition(begin(source))
        _, end, after = rest.partition(END)
        if not mark or not end:
            raise ValueError(f"no place for the table of {source} in {PAGE.name}")
        text = "\n".join(table)
        page = f"{before}{mark}\n\n{text}\n\n{END}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
