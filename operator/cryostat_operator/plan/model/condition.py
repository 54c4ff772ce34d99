"""A condition in the status of a Cryostat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...printable import one_line, printable
from .messages import all_of, enumeration
from .problems import Problem

MAX_LENGTH = 32768  # of a message, by the schema of Kubernetes
Condition = dict[str, Any]


def condition(kind: str, reason: str, message: str, *, good: bool | None) -> Condition:
    """Return a condition.

    Args:
        kind: its type.
        good: whether it is True or False; None if it is Unknown.
    """
    status = "Unknown" if good is None else str(good)
    # Parts of a message may be from other users, such as the names of owners.
    text = one_line(printable(message[:MAX_LENGTH]))
    return {"type": kind, "status": status, "reason": str(reason), "message": text[:MAX_LENGTH]}


def failed(kind: str, problems: Sequence[Problem]) -> Condition:
    """Return a condition that is False because of problems; those that a user has to solve come first."""
    ordered = sorted(problems, key=lambda problem: not problem.actionable)
    return condition(kind, ordered[0].reason, all_of(_merged(ordered)), good=False)


def _merged(problems: Sequence[Problem]) -> list[str]:
    """Return the messages of problems. Objects that cannot be written for the same cause have one sentence."""
    subjects: dict[str, list[str]] = {}
    for problem in problems:
        key, rest = problem.dedup_key, problem.message.removeprefix(problem.dedup_key)
        if not rest.startswith(" cannot "):
            key, rest = "", problem.message
        subjects.setdefault(rest, []).append(key)
    return [enumeration(list(dict.fromkeys(keys))) + rest for rest, keys in subjects.items()]
