"""Draws the layout of the Grafana dashboard, with titles and units: `python -m tests.docs.dashboard_picture`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from cryostat_operator.packaging.dashboard import COLUMNS, positions
from cryostat_operator.packaging.dashboard_panel import Kind, Panel, Row

PICTURE = Path(__file__).parents[2] / "docs/images/dashboard.svg"
WIDTH, HEIGHT = 40, 16  # pixels of a column and of a row in Grafana
GAP = 4
UNITS = {
    "none": "number",
    "short": "number",
    "bytes": "bytes",
    "s": "seconds",
    "ops": "per second",
    "reqps": "requests per second",
    "suffix:days": "days",
}
KINDS = {Kind.STAT: "value", Kind.TABLE: "table", Kind.TIME_SERIES: "chart", Kind.STATE_TIMELINE: "timeline"}


def picture() -> str:
    """The SVG, with light text on a dark background as in Grafana."""
    placed = list(positions())
    height = max(place["y"] + place["h"] for _, place in placed) * HEIGHT
    body = "\n".join(line for shown, place in placed for line in _drawn(shown, place))
    size = f"{COLUMNS * WIDTH + GAP} {height + GAP}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" font-family="sans-serif" font-size="12">\n'
        "<title>The panels of the dashboard</title>\n"
        f'<rect width="100%" height="100%" fill="#111217"/>\n{body}\n</svg>\n'
    )


def _drawn(shown: Row | Panel, place: dict[str, Any]) -> Iterator[str]:
    x, y = place["x"] * WIDTH + GAP, place["y"] * HEIGHT + GAP
    if isinstance(shown, Row):
        yield _text(x, y + 11, "#ffffff", f"▾ {shown.title}")
        return
    width, height = place["w"] * WIDTH - GAP, place["h"] * HEIGHT - GAP
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="2" fill="#1f2026" stroke="#34363d"/>'
    yield _text(x + 6, y + 16, "#e4e5ea", shown.title)
    yield _text(x + 6, y + 34, "#9a9ca5", _subtitle(shown))
    if shown.columns:
        titles = [*shown.columns.values(), *(query.legend for query in shown.queries if query.legend)]
        yield _text(x + 6, y + 58, "#6e9fff", " | ".join(titles))


def _subtitle(panel: Panel) -> str:
    values = "/".join(text for text, _ in panel.texts.values()) or UNITS[panel.unit]
    has_values = any(query.legend for query in panel.queries)
    return f"{KINDS[panel.kind]}, {values}" if has_values else KINDS[panel.kind]


def _text(x: int, y: int, color: str, text: str) -> str:
    return f'<text x="{x}" y="{y}" fill="{color}">{escape(text)}</text>'


if __name__ == "__main__":
    PICTURE.write_text(picture())
