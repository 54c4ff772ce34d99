"""Each rule of the simulated operands has a source and an existing test."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

TESTS = Path(__file__).parents[2]
RULES = yaml.safe_load((TESTS / "operands/rules.yaml").read_text())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["rule"])
def test_a_rule_has_a_source_and_a_test(rule: dict[str, str]) -> None:
    assert set(rule) == {"operand", "rule", "source", "test"}
    assert len(rule["source"].split()) == 3
    file, _, name = rule["test"].partition("::")
    assert f"def {name}(" in (TESTS / file).read_text()


def test_no_rule_is_listed_twice() -> None:
    assert len({(rule["operand"], rule["rule"]) for rule in RULES}) == len(RULES)
