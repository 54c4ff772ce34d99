"""Every condition and every reason that the code can tell is explained in docs/conditions.md."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "conditions.md").read_text()
CAMEL = re.compile(r"[A-Z][a-z]+([A-Z][A-Za-z]*)?")
# Calls that take a condition's type first and its reason second, or a part first and a reason second.
MAKERS = {"Problem": (1,), "Refusal": (1,), "_condition": (0, 1), "_Topic": (0, 2)}


def told() -> set[str]:
    """Constants in the places where conditions and reasons are made."""
    found = set()
    for path in sorted((ROOT / "operator").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MAKERS:
                places = [node.args[i] for i in MAKERS[node.func.id] if i < len(node.args)]
                constants = [c for place in places for c in ast.walk(place) if isinstance(c, ast.Constant)]
                found |= {c.value for c in constants if isinstance(c.value, str)}
            elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and node.value.elts:
                first = node.value.elts[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.add(first.value)
    return {word for word in found if CAMEL.fullmatch(word)} - {"NotFound", "KeyNotFound"}  # behind a kind


def test_every_reason_is_explained() -> None:
    missing = sorted(word for word in told() if f"`{word}`" not in TEXT and f"`…{word}`" not in TEXT)
    assert missing == []


def test_the_reasons_are_found_at_all() -> None:
    assert {"NameCollision", "Ready", "LoginGenerated", "VolumePending"} <= told()
