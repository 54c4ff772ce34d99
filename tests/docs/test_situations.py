"""The documentation has the current tables of broken situations."""

from __future__ import annotations

from tests.docs.situations import PAGE, with_tables


def test_the_tables_are_up_to_date() -> None:
    page = PAGE.read_text()
    assert page == with_tables(page), "run python -m tests.docs.situations"
