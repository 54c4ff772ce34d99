"""Compares names of this operator with names in the sources of Cryostat, except for accepted differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from tests.upstream import checkouts, tables

ACCEPTED = Path(__file__).parent / "accepted.yaml"
Accepted = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Patterns of names by the title of the comparison and the direction: `new` or `gone`."""


@dataclass(frozen=True)
class Comparison:
    """One comparison of a checkout with a table of this operator.

    Attributes:
        title: the name of the comparison.
        repository: the checkout that it needs: `operator`, `application`, `agent` or `chart`.
        new: returns names in the checkout that this operator does not know.
        gone: returns names of this operator that are not in the checkout.
    """

    title: str
    repository: str
    new: Callable[[Path], set[str]]
    gone: Callable[[Path], set[str]]


@dataclass(frozen=True)
class Difference:
    """Names that were not accepted, or accepted patterns without a name."""

    title: str
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """The report, one line per name."""
        signs = (
            ("new", self.new, "in the checkout, not in this operator"),
            ("gone", self.gone, "in this operator, not in the checkout"),
            ("unused", self.unused, "accepted in accepted.yaml, but it is no difference any more"),
        )
        for sign, names, meaning in signs:
            for name in names:
                yield f"{sign:6} {self.title}: {name} ({meaning})"


def _sets(there: Callable[[Path], set[str]], here: Callable[[], set[str]]) -> dict[str, Callable[[Path], set[str]]]:
    return {"new": lambda root: there(root) - here(), "gone": lambda root: here() - there(root)}


COMPARISONS = (
    Comparison("CRD fields", "operator", **_sets(checkouts.crd_fields, tables.crd_fields)),
    Comparison("variables of operands", "operator", **_sets(checkouts.operand_variables, tables.operand_variables)),
    Comparison(
        "images",
        "operator",
        new=lambda root: checkouts.images(root) - tables.images(),
        gone=lambda root: _comparable_images(checkouts.images(root)) - checkouts.images(root),
    ),
    Comparison(
        "variables of the application",
        "application",
        new=lambda root: checkouts.application_variables(root) - tables.application_variables(),
        gone=lambda root: {
            name
            for name in tables.application_variables() - checkouts.application_variables(root)
            if not checkouts.is_of_library(name)
        },
    ),
    Comparison("variables of the agent", "agent", **_sets(checkouts.agent_variables, tables.injected_variables)),
    Comparison(
        "requests of the agent",
        "agent",
        new=lambda root: {each for each in checkouts.agent_requests(root) if not tables.covers_request(each)},
        gone=lambda root: {
            each
            for each in tables.current_requests()
            if not {each, each.rpartition(" ")[2]} & checkouts.agent_requests(root)
        },
    ),
    Comparison(
        "chart values",
        "chart",
        new=lambda root: tables.unknown_values(checkouts.chart_values(root)),
        gone=lambda root: {
            rule for rule in tables.chart_rules() if not _has(checkouts.chart_values(root), rule.split("."))
        },
    ),
)


def _comparable_images(there: set[str]) -> set[str]:
    """The images of this operator, without tags unless the checkout is a release."""
    has_tags = any("/" not in name for name in there)
    return {name for name in tables.images() if has_tags or "/" in name}


def _has(values: object, steps: list[str]) -> bool:
    for step in steps:
        if not isinstance(values, dict) or step not in values:
            return False
        values = values[step]
    return True


def compare(comparison: Comparison, root: Path, accepted: Accepted) -> Difference:
    """Return the differences that were not accepted.

    Raises:
        checkouts.MissingFileError: the checkout has no file that the comparison reads.
    """
    patterns = accepted.get(comparison.title, {})
    new, unused_new = _split(comparison.new(root), patterns.get("new", ()))
    gone, unused_gone = _split(comparison.gone(root), patterns.get("gone", ()))
    return Difference(comparison.title, new, gone, (*unused_new, *unused_gone))


def _split(names: set[str], patterns: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names that match no pattern, and the patterns that match no name."""
    left = {name for name in names if not any(fnmatchcase(name, pattern) for pattern in patterns)}
    unused = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names)]
    return tuple(sorted(left)), tuple(unused)


def read_accepted(path: Path = ACCEPTED) -> Accepted:
    """Read the accepted differences; every group of names has a reason.

    Raises:
        ValueError: a comparison is not known, or a group has no reason or no names.
    """
    titles = {comparison.title for comparison in COMPARISONS}
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for title, directions in yaml.safe_load(path.read_text(encoding="utf-8")).items():
        if title not in titles or not set(directions) <= {"new", "gone"}:
            raise ValueError(f"{path}: {title} is no comparison, or it has other keys than new and gone")
        for direction, groups in directions.items():
            if any(set(group) != {"reason", "names"} or not all(group.values()) for group in groups):
                raise ValueError(f"{path}: {title}, {direction}: each group has a reason and names")
            found.setdefault(title, {})[direction] = tuple(name for group in groups for name in group["names"])
    return found
