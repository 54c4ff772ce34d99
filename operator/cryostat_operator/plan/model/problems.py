"""The types of causes: of a component that is not in its desired state, and of a pod that does not serve."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

from .reasons import Reason
from .times import LASTING_SECONDS


@dataclass(frozen=True)
class Problem:
    """A cause that keeps a component from its desired state, or something that a user should know.

    Attributes:
        component: name of the component, such as `database`.
        message: one or two sentences that name the object and the cause.
        actionable: whether a user has to act, so that a Warning event is written; False while the operator waits for
            something that normally follows, such as a certificate that is being issued. By default that of the reason.
        dedup_key: identifies the cause where the message may vary; the message if empty.
        lasting_remedy: what to do about a wait that lasts; that of its reason if empty.
        included: further problems that the message names, so that they need no event of their own.
    """

    component: str
    reason: Reason
    message: str
    actionable: bool = None  # type: ignore[assignment]  # set below
    dedup_key: str = ""
    lasting_remedy: str = field(default="", compare=False)
    included: tuple[Problem, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        """Take over the default of the reason."""
        if self.actionable is None:
            object.__setattr__(self, "actionable", self.reason.actionable)


class ReportedEvent(NamedTuple):
    """An event about an object that says why it is stuck. Everyone who may create events can have written it.

    Attributes:
        reason: of the event.
        reporter: the program that wrote it, as the event names it; empty if this is not a plain name.
        text: its message in one short line without control characters and double quotes; empty if it may contain a
            password.
    """

    reason: str
    reporter: str
    text: str

    @property
    def source(self) -> str:
        """The event without its text, as a part of a message."""
        return f"event {self.reason}{f' of {self.reporter}' if self.reporter else ''}"

    @property
    def quote(self) -> str:
        """The event as a part of a message. The quotation marks show where the text of others ends."""
        return f'{self.source}: "{self.text}"' if self.text else f"{self.source}, whose text may have a password"


class PodFailure(NamedTuple):
    """Why a pod does not serve.

    Attributes:
        reason: a reason of `COMPONENT_REASONS`.
        cause: a clause about the pod or its container, for `messages.message`.
        remedy: one sentence.
        container: name of the container; empty if the cause concerns the whole pod.
        since: when a wait began (seconds since the epoch); None for a failure that no wait repairs.
        lacks_message: whether the status no longer has the message of the failure, because the kubelet waits before its
            next attempt.
        transient: whether each pod has this state for a time when it starts or ends, so that it is reported only if it
            lasts.
        ended: whether the pod has ended. Another pod of its Deployment may serve.
        note: a sentence between cause and remedy; empty if there is none.
        event: why the claim of the pod is not bound; None if no event says it.
    """

    reason: Reason
    cause: str
    remedy: str = ""
    container: str = ""
    since: float | None = None
    transient: bool = False
    lacks_message: bool = False
    ended: bool = False
    note: str = ""
    event: ReportedEvent | None = None

    @property
    def lasting_from(self) -> float:
        """Time from which on the failure counts as lasting, in seconds since the epoch."""
        if self.ended:
            return self.since or 0.0
        if self.since is None:
            return math.inf if self.transient else 0.0
        return self.since + LASTING_SECONDS

    @property
    def reported_from(self) -> float:
        """Time from which on the status reports the failure, in seconds since the epoch."""
        return self.lasting_from if self.transient else 0.0
