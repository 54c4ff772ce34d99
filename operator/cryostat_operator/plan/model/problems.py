"""A cause that keeps a component from its desired state."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A cause that keeps a component from its desired state, or something that a user should know.

    Attributes:
        component: name of the component, such as `database`.
        reason: stable CamelCase reason of the condition and of the event.
        message: one or two sentences that name the object and the cause.
        actionable: whether a user has to act, so that a Warning event is written; False while the operator waits for
            something that normally follows, such as a certificate that is being issued.
        dedup_key: identifies the cause where the message may vary; the message if empty.
    """

    component: str
    reason: str
    message: str
    actionable: bool = True
    dedup_key: str = ""
