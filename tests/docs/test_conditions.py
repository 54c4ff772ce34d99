"""The documentation names the conditions and reasons that the operator has, and no others."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from cryostat_operator.plan.conditions import CONDITION_RULES
from cryostat_operator.plan.model.reason_groups import COMPONENT_REASONS
from cryostat_operator.plan.model.reasons import Reason

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "operator" / "cryostat_operator"
# Types of conditions without a separate rule.
OTHER_TYPES = {"Ready", "ReconciliationActive"}
TYPES = {reason.condition for reason in Reason} - {""} | OTHER_TYPES


def first_cells(section: str) -> set[str]:
    """The words in backquotes in the first column of the tables below a heading of docs/conditions.md."""
    text = (DOCS / "conditions.md").read_text()
    body = text.split(f"\n{section}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.split("|")[1] for line in body.splitlines() if line.startswith("|")]
    return {word for cell in rows for word in re.findall(r"`([^`]+)`", cell)}


def written(reason: Reason) -> str:
    """A reason as the documentation writes it: `…` stands for the name of a component."""
    return f"…{reason}" if reason in COMPONENT_REASONS else str(reason)


def test_the_table_of_reasons_equals_the_enum() -> None:
    assert first_cells("## Reasons") == {written(reason) for reason in Reason}


def test_the_table_of_conditions_names_every_type() -> None:
    assert first_cells("## All conditions") >= TYPES
    assert {rule.type for rule in CONDITION_RULES} <= TYPES


def test_troubleshooting_names_reasons_under_their_condition() -> None:
    rows = [line.split("|")[1:3] for line in (DOCS / "troubleshooting.md").read_text().splitlines() if "|" in line]
    checked = 0
    for condition, reasons in rows:
        for kind in re.findall(r"`([A-Za-z]+)`", condition):
            for word in re.findall(r"`([A-Za-z]+)`", reasons):
                # Certificates have the reason NameCollision too.
                assert Reason(word).condition == kind, (kind, word)
                checked += 1
    assert checked > 10


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_a_reason_beside_a_condition_belongs_to_it(page: Path) -> None:
    for kind, word in re.findall(r"condition `([A-Za-z]+)`[^.|`]* reason `([A-Za-z]+)`", page.read_text()):
        assert Reason(word).condition == kind, (kind, word)


def test_the_reason_of_an_unchangeable_claim_is_under_its_condition() -> None:
    assert Reason.CLAIM_UNCHANGEABLE.condition == "SpecEffective"
    assert re.search(r"`SpecEffective`[^.]*`ClaimUnchangeable`", (DOCS / "storage.md").read_text())


def test_each_reason_has_a_sentence() -> None:
    text = (PACKAGE / "plan/model/reasons.py").read_text()
    sentences = dict(re.findall(r'^    ([A-Z_]+) = "\w+",.*\n    """(.*)"""$', text, re.MULTILINE))
    assert set(sentences) == {reason.name for reason in Reason}
    assert [name for name, text in sentences.items() if not re.fullmatch(r"[A-Z].+[^.]\.", text)] == []


def test_every_reason_is_used() -> None:
    used = set()
    for path in PACKAGE.rglob("*.py"):
        if path.name in ("reasons.py", "reason_groups.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Reason":
                used.add(Reason[node.attr])
            elif isinstance(node, ast.Constant) and node.value in list(Reason):
                used.add(Reason(node.value))
    built = {Reason(f"{kind}{end}") for kind in ("Secret", "ConfigMap") for end in ("NotFound", "KeyNotFound")}
    assert set(Reason) - used - built - {Reason.INTERNAL_ERROR} == set()  # used in reconcile.failures
