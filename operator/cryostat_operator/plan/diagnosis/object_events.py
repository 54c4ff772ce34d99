"""Chooses the event that says why a pod or a claim is stuck. The kubelet and controllers write causes only there.

Everyone who may create events in a namespace can write such an event, too. Its text is therefore quoted with its
source, in one line of limited length, and nothing but messages depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from ...printable import printable
from ..model.kinds import Obj
from ..model.messages import may_have_password, quoted
from ..model.problems import ReportedEvent
from ..model.times import seconds

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9.-]{0,62}")
# Warnings that do not keep a pod from starting, or that were true before it had a node.
_HARMLESS = frozenset(
    {"DNSConfigForming", "FailedScheduling", "FailedToRetrieveImagePullSecret", "NodeNotReady", "Unhealthy"}
)
PULLING = "Pulling"
"""Reason of the event that the kubelet writes before it pulls an image."""
_UNSPECIFIC = re.compile(r"^Unable to attach or mount volumes")  # the kubelet adds it to the failure of one volume
# Normal events of a claim that say why it is not bound. Its warnings are more specific.
_CLAIM_REASONS = frozenset({"FailedBinding", "ExternalProvisioning"})


def event_of_pod(events: Iterable[Obj], uid: str) -> ReportedEvent | None:
    """Return the newest warning that says why a pod does not start, one about a single volume if there is any.

    An image that is being pulled replaces earlier warnings: volumes and network of the pod are ready then.
    """
    known = list(events)
    last = _newest(known, uid, lambda event: 0 if _is_pulling(event) or _rank_of_pod_event(event) is not None else None)
    return last if last and last.reason == PULLING else _newest(known, uid, _rank_of_pod_event)


def event_of_claim(events: Iterable[Obj], uid: str) -> ReportedEvent | None:
    """Return the newest warning about a claim that is not bound; without a warning, what it waits for."""
    return _newest(events, uid, _rank_of_claim_event)


def _is_pulling(event: Obj) -> bool:
    return bool(event.get("reason") == PULLING)


def _rank_of_pod_event(event: Obj) -> int | None:
    if event.get("type") != "Warning" or event.get("reason") in _HARMLESS:
        return None
    return 0 if _UNSPECIFIC.search(event.get("message") or "") else 1


def _rank_of_claim_event(event: Obj) -> int | None:
    if event.get("type") == "Warning":
        return 1
    return 0 if event.get("reason") in _CLAIM_REASONS else None


def _newest(events: Iterable[Obj], uid: str, rank_of: Callable[[Obj], int | None]) -> ReportedEvent | None:
    ranked = [
        (rank, _time(event), event)
        for event in events
        if (event.get("involvedObject") or {}).get("uid") == uid
        and _NAME.fullmatch(event.get("reason") or "")
        and (rank := rank_of(event)) is not None
    ]
    if not ranked:
        return None
    _, _, event = max(ranked, key=lambda each: each[:2])
    message = event.get("message") or ""
    text = "" if may_have_password(message) else printable(quoted(message)).replace('"', "'")
    return ReportedEvent(event["reason"], _reporter(event), text)


def _time(event: Obj) -> float:
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        event.get("firstTimestamp"),
    )
    return max((seconds(each) or 0.0 for each in times), default=0.0)


def _reporter(event: Obj) -> str:
    """The program that wrote an event, as the event names it, without the name of its pod, which follows `_`."""
    name = event.get("reportingComponent") or (event.get("source") or {}).get("component") or ""
    name = str(name).partition("_")[0]
    return name if _NAME.fullmatch(name) else ""
