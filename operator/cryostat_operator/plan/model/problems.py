"""A cause that keeps a component from its desired state."""

from __future__ import annotations

from dataclasses import dataclass, field

from .reasons import Reason


@dataclass(frozen=True)
class Problem:
    """A cause that keeps a component from its desired state, or something that a user should know.

    Attributes:
        component: name of the component, such as `database`.
        reason: a `Reason`, or its value, which is converted.
        message: one or two sentences that name the object and the cause.
        actionable: whether a user has to act, so that a Warning event is written; False while the operator waits for
            something that normally follows, such as a certificate that is being issued. By default that of the reason.
        dedup_key: identifies the cause where the message may vary; the message if empty.
        lasting_remedy: what to do about a wait that lasts; that of its reason if empty.
        included: further problems that the message names, so that they need no event of their own.

    Raises:
        ValueError: there is no such reason.
    """

    component: str
    reason: str
    message: str
    actionable: bool = None  # type: ignore[assignment]  # set below
    dedup_key: str = ""
    lasting_remedy: str = field(default="", compare=False)
    included: tuple[Problem, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Convert the reason, and take over its default."""
        reason = Reason(self.reason)
        object.__setattr__(self, "reason", reason)
        if self.actionable is None:
            object.__setattr__(self, "actionable", reason.actionable)
