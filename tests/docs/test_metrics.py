"""The table of metrics in the documentation is the one of the operator."""

from __future__ import annotations

from tests.docs.metrics import PAGE, with_table


def test_the_table_is_up_to_date() -> None:
    page = PAGE.read_text()
    assert page == with_table(page), "run python -m tests.docs.metrics"
