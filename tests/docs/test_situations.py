"""The documentation has the current table of broken situations."""

from __future__ import annotations

from tests.docs.situations import PAGE, with_table


def test_the_table_is_up_to_date() -> None:
    page = PAGE.read_text()
    assert page == with_table(page), "run python -m tests.docs.situations"
