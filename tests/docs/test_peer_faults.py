"""The list of the Go operator's faults is complete, and every test that it names exists."""

from __future__ import annotations

import pytest
import yaml

from tests.docs.proofs import PROOF, ROOT, defined

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs" / "peer-faults.md").read_text().splitlines()
    if line.startswith("|")
][2:]
NUMBER = 118
# The texts of rows without a test.
EXCUSES = ("**open:**", "No test of its own", "There is no console plugin")


def test_all_faults_are_listed_in_order() -> None:
    assert [row[0] for row in ROWS] == [str(number) for number in range(1, NUMBER + 1)]
    assert all(len(row) == 4 and all(row) for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_every_test_exists(row: list[str]) -> None:
    proof = row[3]
    found = PROOF.findall(proof)
    assert proof == (", ".join(f"`{path}::{name}`" for path, name in found) or "–"), "this column names only tests"
    assert [f"{path}::{name}" for path, name in found if name not in defined(path)] == []
    assert found or any(excuse in row[2] for excuse in EXCUSES), "a row without a test needs a reason"


def test_a_test_that_does_not_exist_is_noticed() -> None:
    assert test_all_faults_are_listed_in_order.__name__ in defined("tests/docs/test_peer_faults.py")
    assert "test_renamed" not in defined("tests/docs/test_peer_faults.py")
    assert defined("tests/docs/test_gone.py") == frozenset()


def test_every_difference_refers_to_a_listed_fault() -> None:
    listed = yaml.safe_load((ROOT / "tests" / "conformance" / "differences.yaml").read_text())
    assert {difference["fault"] for difference in listed} <= {int(row[0]) for row in ROWS if row[3] != "–"}


def test_no_page_uses_the_token_of_the_operator() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = [page.name for page in pages if "create token" in page.read_text() or "whoami -t" in page.read_text()]
    assert found == []
    assert any("NAME-basic-auth" in page.read_text() for page in pages)
