"""docs/security.md names a test for each defense, and every test that it names exists."""

from __future__ import annotations

import re

import pytest

from tests.docs.proofs import PROOF, ROOT, defined

PAGE = (ROOT / "docs" / "security.md").read_text()
HEADER = "| threat | defense | tests |"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for table in PAGE.split(HEADER)[1:]
    for line in table.split("\n\n")[0].splitlines()[2:]
]


def test_the_rows_are_found() -> None:
    assert PAGE.count(HEADER) > 5
    assert len(ROWS) > 30


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_defense_has_tests_that_exist(row: list[str]) -> None:
    threat, defense, tests = row
    assert threat.endswith(".")
    assert defense.endswith(".")
    found = PROOF.findall(tests)
    assert found
    assert tests == ", ".join(f"`{path}::{name}`" for path, name in found), "this column names only tests"
    assert [f"{path}::{name}" for path, name in found if name not in defined(path)] == []


def test_the_page_is_linked() -> None:
    assert "](security.md)" in (ROOT / "docs" / "README.md").read_text()
    assert "](docs/security.md)" in (ROOT / "SECURITY.md").read_text()


def test_every_link_to_a_section_leads_to_a_heading() -> None:
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
    headings = {
        page: {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
               for line in page.read_text().splitlines() if line.startswith("#")}
        for page in pages
    }  # fmt: skip
    broken = []
    for page in pages:
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", page.read_text()):
            linked = (page.parent / target).resolve() if target else page
            if linked in headings and anchor not in headings[linked]:
                broken.append(f"{page.name}: {target}#{anchor}")
    assert broken == []
