"""Why pods and claims are stuck, from objects that the operator reads only then: events, pods and NetworkPolicies.

`needed_reads` decides what is read, `explanations` finds the causes in the objects that were read, and `explained` adds
these to the failures of pods.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .. import claims
from ..hibernation import is_hibernated
from ..instance import Instance
from ..model.kinds import InstanceKey, Obj
from ..model.problems import PodFailure, ReportedEvent
from ..model.reasons import Reason
from ..model.times import LASTING_SECONDS, seconds
from ..workloads import CORE, deployment_name
from . import container_failures, denied_connections, event_remedies, object_events
from .deployment_health import deployment_conditions
from .pod_failures import pod_failure

_NOT_CONNECTED = frozenset({Reason.POD_NOT_READY, Reason.CONTAINER_CRASHED})
_NOT_SCHEDULED = frozenset({Reason.VOLUME_PENDING, Reason.POD_UNSCHEDULABLE})
_UNBOUND = PodFailure(Reason.VOLUME_PENDING, "its PersistentVolumeClaim is not bound to a volume")
_TOGETHER_SECONDS = 5.0  # between failures whose causes are read together


@dataclass(frozen=True)
class NeededReads:
    """What to read about the failures of an instance that last.

    Attributes:
        uncreated: component labels of pods of which a container is not created: their events may say why.
        disconnected: component labels of pods whose main container does not become ready: NetworkPolicies may deny
            what it connects to.
        unbound: UIDs of claims that are not bound, by component label: their events may say why.
        recheck_after: seconds until more must be read; infinite if nothing more is expected.
    """

    uncreated: frozenset[str] = frozenset()
    disconnected: frozenset[str] = frozenset()
    unbound: Mapping[str, str] = field(default_factory=dict, hash=False)
    recheck_after: float = field(default=math.inf, compare=False)

    def __bool__(self) -> bool:
        return bool(self.uncreated or self.disconnected or self.unbound)


class ReadObjects(NamedTuple):
    """The objects that were read.

    Attributes:
        pods: pods of the instance.
        policies: all NetworkPolicies of its namespace; None if they, or all pods, could not be read.
        events: events about its pods and claims.
    """

    pods: Sequence[Obj] = ()
    policies: Sequence[Obj] | None = None
    events: Sequence[Obj] = ()


class Explanation(NamedTuple):
    """What the objects that were read add to a failure.

    Attributes:
        quote: the end of its cause.
        note: a sentence after the cause.
        remedy: what to do instead.
        event: why a claim is not bound.
    """

    quote: str = ""
    note: str = ""
    remedy: str = ""
    event: ReportedEvent | None = None


def needed_reads(instance: Instance, failures: Mapping[str, PodFailure], now: float) -> NeededReads:
    """Return what to read about failures that have lasted for `LASTING_SECONDS`.

    Args:
        failures: why pods do not serve, by component label.
        now: seconds since the epoch.
    """
    if is_hibernated(instance):
        return NeededReads()
    uncreated: dict[str, float] = {}  # by component: when its failure has lasted for that time
    disconnected: dict[str, float] = {}
    for component, failure in failures.items():
        if failure.ended:
            continue
        if _is_uncreated(failure):
            uncreated[component] = _due(instance, component, failure)
        elif _may_be_disconnected(instance, component, failure):
            disconnected[component] = _due(instance, component, failure)
    pending = dict(_pending_claims(instance, failures))
    unbound = {component: _claim_due(claim) for component, claim in pending.items()}
    times = [*uncreated.values(), *disconnected.values(), *unbound.values()]
    # What would have to be read within seconds is read at once, so that its causes need no further write of the status.
    until = now + _TOGETHER_SECONDS if any(due <= now for due in times) else now
    return NeededReads(
        frozenset(component for component, due in uncreated.items() if due <= until),
        frozenset(component for component, due in disconnected.items() if due <= until),
        {component: pending[component]["metadata"]["uid"] for component, due in unbound.items() if due <= until},
        min((due - now for due in times if due > until), default=math.inf),
    )


def uids(needed: NeededReads, pods: Iterable[Obj], failures: Mapping[str, PodFailure]) -> list[str]:
    """Return the UIDs of the pods and claims whose events are needed."""
    stuck = [_pod_of(component, pods, failures) for component in sorted(needed.uncreated)]
    return [*(pod["metadata"]["uid"] for pod in stuck if pod), *needed.unbound.values()]


def explanations(
    instance_key: InstanceKey, needed: NeededReads, failures: Mapping[str, PodFailure], objects: ReadObjects
) -> dict[str, Explanation]:
    """Return what explains failures, by component; nothing for those that no object explains."""
    found: dict[str, Explanation | None] = {}
    for component in needed.uncreated:
        if pod := _pod_of(component, objects.pods, failures):
            found[component] = _of_event(pod, objects.events)
    for component in needed.disconnected:
        if pod := _pod_of(component, objects.pods, failures):
            found[component] = _of_policies(instance_key, failures[component], pod, objects)
    for component, uid in needed.unbound.items():
        event = object_events.event_of_claim(objects.events, uid)
        found[component] = Explanation(event=event) if event else None
    return {component: explanation for component, explanation in found.items() if explanation}


def explained(
    needed: NeededReads, failures: Mapping[str, PodFailure], known: Mapping[str, Explanation]
) -> dict[str, PodFailure]:
    """Return the failures with their explanations. An explanation is left out if it need not be read any more."""
    result = dict(failures)
    for component, found in known.items():
        if component in needed.unbound and found.event:
            result[component] = _UNBOUND._replace(event=found.event)
        elif (found.quote and component in needed.uncreated) or (found.note and component in needed.disconnected):
            failure = failures[component]
            result[component] = failure._replace(
                cause=f"{failure.cause}{found.quote}", note=found.note, remedy=found.remedy
            )
    return result


def _is_uncreated(failure: PodFailure) -> bool:
    return failure.reason == Reason.POD_NOT_RUNNING and failure.transient


def _may_be_disconnected(instance: Instance, component: str, failure: PodFailure) -> bool:
    if failure.reason not in _NOT_CONNECTED or not denied_connections.has_needs(component):
        return False
    return failure.container == (instance.name if component == CORE else f"{instance.name}-{component}")


def _due(instance: Instance, component: str, failure: PodFailure) -> float:
    """The time at which the failure of a pod has lasted for `LASTING_SECONDS`."""
    return failure.lasting_from if failure.since is not None else _unavailable_from(instance, component)


def _unavailable_from(instance: Instance, component: str) -> float:
    """The time from which on a Deployment has been unavailable for `LASTING_SECONDS`; infinite if it is available."""
    conditions = deployment_conditions(instance.live("Deployment", deployment_name(instance, component)))
    available = conditions.get("Available") or {}
    since = seconds(available.get("lastTransitionTime")) if available.get("status") == "False" else None
    return math.inf if since is None else since + LASTING_SECONDS


def _pending_claims(instance: Instance, failures: Mapping[str, PodFailure]) -> Iterator[tuple[str, Obj]]:
    """Claims that are not bound, by component, unless their pod fails for another reason than the volume."""
    names = claims.names_in_use(instance)
    for component in claims.COMPONENTS:
        claim, failure = claims.live_claim(instance, component), failures.get(component)
        if claims.claim_name(instance, component) not in names or claim is None or claims.phase(claim) != "Pending":
            continue
        if claim["metadata"].get("uid") and (failure is None or failure.reason in _NOT_SCHEDULED):
            yield component, claim


def _claim_due(claim: Obj) -> float:
    """The time at which a claim has not been bound for `LASTING_SECONDS`."""
    return (seconds(claim["metadata"].get("creationTimestamp")) or math.inf) + LASTING_SECONDS


def _pod_of(component: str, pods: Iterable[Obj], failures: Mapping[str, PodFailure]) -> Obj | None:
    """The pod that has the failure of a component."""
    failure = failures.get(component)
    for pod in pods:
        if failure and pod["metadata"]["labels"].get("component") == component:
            found = pod_failure(pod)
            if found and (found.reason, found.container) == (failure.reason, failure.container):
                return pod
    return None


def _of_event(pod: Obj, events: Iterable[Obj]) -> Explanation | None:
    event = object_events.event_of_pod(events, pod["metadata"]["uid"])
    return event and Explanation(f" ({event.quote})", remedy=event_remedies.remedy_for_pod(pod, event))


def _of_policies(instance_key: InstanceKey, failure: PodFailure, pod: Obj, objects: ReadObjects) -> Explanation | None:
    if objects.policies is None:
        return None
    denied = denied_connections.denials(instance_key, pod, objects.pods, objects.policies)
    if not denied:
        return None
    log = container_failures.log_command(pod, failure.container)
    remedy = f"Allow this in a NetworkPolicy; if the pod does not become ready then, {log}"
    return Explanation(note=denied_connections.sentence(denied), remedy=remedy)
