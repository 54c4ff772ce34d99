"""Reading an object that somebody wrote, and saying in the user's words what is wrong with it."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from cryostat_operator.api.v1beta2 import Cryostat


class InvalidCryostatError(ValueError):
    """An object that no instance can be made of; `problems` has one line per field, as in `spec.x.y: reason`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def read_cryostat(obj: Any) -> Cryostat:
    """The model of an object in the shape of its JSON; a status that cannot be read counts as none.

    Raises:
        InvalidCryostatError: a field has the wrong type, breaks a limit or contradicts another one. An API server with
            our CRD refuses such an object; it may have been stored before, or come from a file.
    """
    try:
        return Cryostat.model_validate(obj)
    except ValidationError as error:
        problems = error.errors(include_url=False)
    written = [_line(item) for item in problems if item["loc"][:1] != ("status",)]
    if written:
        raise InvalidCryostatError(written)
    return read_cryostat({key: value for key, value in obj.items() if key != "status"})


def _line(item: Any) -> str:
    path = ""
    for step in item["loc"]:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    reason = item["msg"].removeprefix("Value error, ")
    return f"{path.lstrip('.') or 'object'}: {reason}"


def new_problems(new: Any, old: Any | None) -> list[str]:
    """What is wrong with `new` and was not yet wrong with `old`, one line per field; `old` is None for a new object."""
    before = _problems(old) if old is not None else []
    return [problem for problem in _problems(new) if problem not in before]


def _problems(obj: Any) -> list[str]:
    try:
        read_cryostat(obj)
    except InvalidCryostatError as error:
        return error.problems
    return []
