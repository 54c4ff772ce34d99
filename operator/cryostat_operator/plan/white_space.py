"""White space at the beginning or end of values of a user's Secret, which a component cannot use.

The usual origin is `echo VALUE | base64`, which encodes a line break. What each component does with such a value:

* the image of the database refuses the password (`psql_password_regex` of sclorg's common.sh), and does not start;
* the image of the object storage puts both keys into a JSON file as they are, which a line break makes unreadable; the
  S3 client of the application removes white space (`AwsBasicCredentials` of the AWS SDK for Java 2);
* with an external S3 service nothing fails, because only that client uses the keys.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping

from .instance import Instance
from .model.messages import message
from .model.problems import Problem
from .model.reasons import Reason

KEYS = frozenset({"ACCESS_KEY", "SECRET_KEY", "CONNECTION_KEY"})
MAX_SIZE = 4096  # characters of a value, in base64, that are read


def find_white_space(data: Mapping[str, str]) -> dict[str, str]:
    """Return by key what is wrong with the beginning or end of a value, without the value.

    Args:
        data: `data` of a Secret, in base64.
    """
    found = {key: _white_space_of(data[key]) for key in KEYS if data.get(key) and len(data[key]) <= MAX_SIZE}
    return {key: text for key, text in found.items() if text}


def _white_space_of(value: str) -> str:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    if text == text.strip():
        return ""
    if text.endswith("\n"):
        return "ends with a line break"
    return "ends with white space" if text != text.rstrip() else "begins with white space"


def unusable_values(instance: Instance, component: str, secret: str, keys: Iterable[str]) -> tuple[Problem, ...]:
    """Return a warning for each of the keys of a Secret with white space that the component cannot use.

    They block nothing: a component that runs was started with other values.

    Args:
        component: `database` or `storage`.
    """
    content = instance.snapshot.data.get(("Secret", secret))
    flaws = content.white_space if content else {}
    return tuple(_warning(instance, component, secret, key, flaws[key]) for key in sorted(keys) if key in flaws)


def _warning(instance: Instance, component: str, secret: str, key: str, flaw: str) -> Problem:
    deployment = f"Deployment {instance.name}-{component}"
    consequence = f"{deployment} does not start with it"
    if component == "storage" and "line break" not in flaw:
        consequence = f"The application removes the white space, so {deployment} refuses its requests"
    text = message(
        f"Key {key} of Secret {secret}",
        flaw,
        consequence=consequence,
        remedy="Set the value without white space, for example with printf in place of echo",
    )
    return Problem(component, Reason.SECRET_VALUE_INVALID, text, dedup_key=f"{secret} {key}")
