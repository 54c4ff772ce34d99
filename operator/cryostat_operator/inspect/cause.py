"""One cause of an instance that is not ready, as `status` shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """One cause of an instance that is not ready.

    Attributes:
        reason: reason of the condition, or another one, such as `OperatorNotRunning`.
        message: one or two sentences.
        chain: states that led to it, from the Cryostat down to the pod or volume.
        command: what to run next.
    """

    reason: str
    message: str
    chain: tuple[str, ...]
    command: str
