"""Each regular expression of the operator takes linear time, because most of them are used on texts of users.

Patterns of CRD fields are not among them: the API server and pydantic match these in linear time.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cryostat_operator
from cryostat_operator.plan.model import messages
from tests.unit.regex_steps import StepCounter, steps

# Expressions with a quadratic search time, and the length of the longest text that they are used on.
BOUNDED = {
    "plan.model.messages._CREDENTIALS": messages.MAX_READ,
}
_SIZE = 48  # characters of the shorter text
_MAX_RATIO = 3  # ratio of the steps for texts whose lengths have the ratio 2; it is 4 for quadratic time
_SEEDS = ("a", "1", " ", "\n", "-", ".", "/", ":", "\\", '"', '"\\', "{", "a.", "-a", "A")
_ENDS = ("", "!")
_METHODS = {"search", "match", "fullmatch", "sub", "split", "findall", "finditer"}


def _modules() -> Iterator[str]:
    for each in pkgutil.walk_packages(cryostat_operator.__path__, "cryostat_operator."):
        if not each.name.endswith("__main__"):
            yield each.name


def _called(tree: ast.Module) -> dict[str, set[str]]:
    """The methods that a module calls, by the name of the object."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            name = node.func.value.attr if isinstance(node.func.value, ast.Attribute) else node.func.value
            name = name.id if isinstance(name, ast.Name) else name
            found.setdefault(str(name), set()).add(node.func.attr)
    return found


def _expressions() -> dict[str, tuple[re.Pattern[Any], str]]:
    """The expressions of a module that are compiled or used in a call such as `re.search`, with the method."""
    found: dict[str, tuple[re.Pattern[Any], str]] = {}
    for name in _modules():
        module = importlib.import_module(name)
        source = Path(str(module.__file__)).read_text()
        if not re.search(r"\bre\b|Pattern", source) and not any(map(_has_pattern, vars(module).values())):
            continue  # parsing all modules takes a second in each test process
        tree = ast.parse(source)
        called, short = _called(tree), name.removeprefix("cryostat_operator.")
        for attribute, value in vars(module).items():
            for number, each in enumerate(_values(value)):
                if isinstance(each, re.Pattern):
                    methods = called.get(attribute, {"search"})
                    key = f"{short}.{attribute}" + (f"[{number}]" if each is not value else "")
                    found[key] = (each, _widest(methods))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"re.{method}" for method in _METHODS}:
                text = eval(ast.unparse(node.args[0]), vars(module))
                found[f"{short}:{node.lineno}"] = (re.compile(text), _widest({ast.unparse(node.func)[3:]}))
    return found


def _values(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (tuple, list)) else (value,)


def _has_pattern(value: Any) -> bool:
    return any(isinstance(each, re.Pattern) for each in _values(value))


def _widest(methods: set[str]) -> str:
    return next((each for each in ("fullmatch", "match") if methods == {each}), "search")


EXPRESSIONS = _expressions()


def test_expressions_are_found() -> None:
    assert len(EXPRESSIONS) > 40
    assert EXPRESSIONS["plan.summary._SUBJECT"][1] == "match"
    assert EXPRESSIONS["webhooks.body_limits._STRING"][1] == "search"
    assert set(BOUNDED) <= set(EXPRESSIONS)


def superlinear(pattern: re.Pattern[Any], method: str, size: int = _SIZE) -> str:
    """A text for which the number of steps grows faster than its length, or an empty text if none was found."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode()
    # A limited repetition takes constant time. Its limit must be small compared with the sizes of the texts.
    pattern = re.compile(re.sub(r"\{0,\d+\}", "{0,4}", source), pattern.flags & ~re.UNICODE)
    literals = re.findall(r"[a-zA-Z=/-]{3,} ?", source)[:6]
    for seed in (*_SEEDS, *literals):
        for start in {"", *literals[:1]}:
            for end in _ENDS:
                count = max(2, size // len(seed))
                small, large = (steps(pattern, method, start + seed * n + end) for n in (count, 2 * count))
                if large > _MAX_RATIO * small:
                    return f"{start}{seed}…{end}: {small} and {large} steps"
    return ""


@pytest.mark.parametrize("name", [name for name in EXPRESSIONS if name not in BOUNDED])
def test_the_number_of_steps_is_linear(name: str) -> None:
    assert superlinear(*EXPRESSIONS[name]) == ""


@pytest.mark.parametrize("name", BOUNDED)
def test_only_nonlinear_expressions_have_a_bound(name: str) -> None:
    assert superlinear(*EXPRESSIONS[name])


def test_credentials_are_searched_in_the_beginning_of_a_text() -> None:
    secret = "password: x"
    assert messages.termination_message(" " * (messages.MAX_READ - len(secret)) + secret) == ""
    assert messages.termination_message("a " * (messages.MAX_READ // 2) + secret).startswith("a a")


@pytest.mark.parametrize("pattern", ["a+b", "(a+)+$", ".*=.*=", r"\s+$", "(?:a*)*?b"])
def test_nonlinear_expressions_are_found(pattern: str) -> None:
    assert superlinear(re.compile(pattern), "search", 6)


_SAMPLES = (
    "a*b|c", "(a|ab)(c|bcd)(d*)", "^a{1,2}?b*?$", "a++b", "(?>a|ab)c", r"\ba\w+\b", "(?<=a)b|(?<!b)c", "(?!ab)[^c]a",
    "(?i)A[b-c]\\D", r"(?m)^\S$", "(?:a*)+b?", "a(?=b*c)", r"(?s)a.c\Z", "[^a]+?[ab]{2,}", "(a?){3}b",
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(_SAMPLES), st.text("aAbc1\n ", max_size=10))
def test_the_step_counter_finds_the_same_matches_as_re(sample: str, text: str) -> None:
    pattern = re.compile(sample)
    for method in ("search", "match", "fullmatch"):
        expected = getattr(pattern, method)(text)
        assert getattr(StepCounter(pattern, text), method)() == (expected.end() if expected else None), method
