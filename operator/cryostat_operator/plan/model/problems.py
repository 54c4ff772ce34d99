"""A cause that keeps a component from its desired state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """Something that keeps a part from being as wished: a stable CamelCase reason and a sentence that names the cause.

    `warning` decides whether a Warning event tells it too; ordinary waiting (a certificate about to be issued) is none.
    `about` tells causes apart where the message may vary.
    """

    part: str
    reason: str
    message: str
    warning: bool = True
    about: str = ""
