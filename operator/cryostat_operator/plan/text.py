"""Texts inside objects: JSON in the bytes that their readers expect, and configuration files from templates."""

from __future__ import annotations

import json
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

# Configuration files are no HTML: nothing is escaped.
_ENVIRONMENT = Environment(
    loader=PackageLoader("cryostat_operator.plan"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(template: str, **values: Any) -> str:
    """Return a file of `templates/`, filled in.

    Raises:
        jinja2.UndefinedError: the template asks for a value that is not given.
    """
    return _ENVIRONMENT.get_template(template).render(**values)


def pretty_json(value: Any) -> str:
    """Return indented JSON, with keys in their order."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def compact_json(value: Any) -> str:
    """Return JSON for command lines: no spaces, keys in the order given, characters with a meaning in HTML escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
