"""Why a Deployment is not available: the first cause that the cluster reports."""

from __future__ import annotations

from typing import Any, NamedTuple

from .. import claims
from ..instance import Instance
from ..model.kinds import Key, Obj
from ..model.managed_fields import scaled_by
from ..model.messages import message, quoted
from ..model.problems import PodFailure
from ..model.reasons import Reason
from ..model.refused_object import RefusedObject
from ..model.times import LASTING_SECONDS, seconds
from .container_options import resource_field
from .event_remedies import ClaimFacts, cause_of_claim
from .refusal_remedies import remedy_for

REFUSED_SECONDS = 10.0  # a quota still counts pods that have just ended
_UNKNOWN_REFUSAL = (
    "Change the policy or webhook that refuses this, or the setting of the spec that it names; "
    "Kubernetes tries again by itself"
)


class UnavailableCause(NamedTuple):
    """Why a Deployment is not available.

    Attributes:
        reason: a reason of `COMPONENT_REASONS`.
        message: one or two sentences that name the Deployment.
        identity: distinguishes the cause from others of the Deployment with the same reason, whatever the message says.
        lasting_from: when it counts as lasting (seconds since the epoch), so that an event is recorded; None for a
            wait that another condition explains.
    """

    reason: Reason
    message: str
    identity: str = ""
    lasting_from: float | None = None


def unavailable_cause(instance: Instance, name: str, pod_failure: PodFailure | None) -> UnavailableCause | None:
    """Return why a Deployment does not serve its newest version.

    Args:
        name: the Deployment, in the namespace of the Cryostat.
        pod_failure: what keeps its pods from serving, if anything does.

    Returns:
        The cause, or None if the Deployment is available.
    """
    subject = f"Deployment {name}"
    live = instance.live("Deployment", name)
    if live is None:
        return UnavailableCause(Reason.DEPLOYMENT_PENDING, _missing(instance, name))
    conditions = deployment_conditions(live)
    refused = conditions.get("ReplicaFailure")
    available = conditions.get("Available") or {}
    if refused and refused["status"] == "True":
        return _refused(instance, live, refused, "pods")
    progressing = conditions.get("Progressing") or {}
    if progressing.get("status") == "False" and progressing.get("reason") == "ReplicaSetCreateError":
        return _refused(instance, live, progressing, "a ReplicaSet")
    claim = instance.live("PersistentVolumeClaim", name) if name in claims.names_in_use(instance) else None
    if pod_failure and pod_failure.reason == Reason.VOLUME_PENDING and claim:
        return _unbound(instance, name, claim, pod_failure)
    if pod_failure and not pod_failure.ended:
        return _failing(name, pod_failure)
    if serves(live) or _is_idle(instance, live):
        return None
    if _is_scaled_down(live):
        return UnavailableCause(
            Reason.DEPLOYMENT_UNAVAILABLE, message(subject, "is not ready", cause="it is scaled to 0")
        )
    if claim and claims.phase(claim) == "Pending":
        return _unbound(instance, name, claim, None)
    if not conditions and not (live.get("status") or {}).get("observedGeneration"):
        return _unobserved(subject, live)
    if pod_failure and _is_explained_by(available, pod_failure):
        return _failing(name, pod_failure)
    return _starting(instance, name, available)


def _starting(instance: Instance, name: str, available: Obj) -> UnavailableCause:
    """A Deployment without a ready pod, while its pods show no failure."""
    since = available.get("lastTransitionTime") if available.get("status") == "False" else None
    if not since:
        state = "its pods are not ready yet" if available else "it has no pod yet"
        return UnavailableCause(
            Reason.DEPLOYMENT_UNAVAILABLE, message(f"Deployment {name}", "is not ready", cause=state)
        )
    component = name.removeprefix(instance.name).lstrip("-") or "cryostat"
    text = message(
        f"Deployment {name}",
        "is not ready",
        cause=f"it has had no ready pod since {since}",
        remedy=f"If this lasts, see kubectl describe pods -n {instance.namespace} "
        f"-l app={instance.name},component={component}",
    )
    lasting_from = (seconds(since) or 0.0) + LASTING_SECONDS
    return UnavailableCause(Reason.DEPLOYMENT_UNAVAILABLE, text, name, lasting_from)


def _is_explained_by(available: Obj, former: PodFailure) -> bool:
    """Whether a Deployment is not available because of a pod that has ended.

    It is not if the Deployment became unavailable later, for example for a rollout: another pod served in between.
    """
    if available.get("status") == "True":
        return False
    unavailable_since = seconds(available.get("lastTransitionTime")) or 0.0
    return unavailable_since <= (former.since or 0.0) + LASTING_SECONDS


def _failing(name: str, failure: PodFailure) -> UnavailableCause:
    """A Deployment with a pod that does not serve, or whose last pod was ended."""
    subject = f"Deployment {name}"
    text = message(subject, "is not ready", cause=failure.cause, consequence=failure.note, remedy=failure.remedy)
    return UnavailableCause(failure.reason, text, f"{name} {failure.container}", failure.lasting_from)


def serves(deployment: Obj | None) -> bool:
    """Return whether a Deployment has a pod that serves.

    Kubernetes reports one with 0 replicas as available, and its status stays so for a moment after it is scaled up.
    """
    available = deployment_conditions(deployment).get("Available") or {}
    if deployment is None or available.get("status") != "True" or _is_scaled_down(deployment):
        return False
    status = deployment["status"]
    is_outdated = 0 < (status.get("observedGeneration") or 0) < deployment["metadata"].get("generation", 0)
    return bool(status.get("replicas")) or not is_outdated


def _is_scaled_down(deployment: Obj) -> bool:
    return (deployment.get("spec") or {}).get("replicas") == 0


def _is_idle(instance: Instance, deployment: Obj) -> bool:
    """Whether an autoscaler needs no report generators at the moment."""
    is_reports = deployment["metadata"]["name"] == f"{instance.name}-reports"
    return is_reports and _is_scaled_down(deployment) and bool(scaled_by(deployment))


def deployment_conditions(deployment: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return the conditions of a Deployment, or of none, by type."""
    status = (deployment or {}).get("status") or {}
    return {condition["type"]: condition for condition in status.get("conditions") or ()}


def _refused(instance: Instance, deployment: Obj, condition: Obj, what: str) -> UnavailableCause:
    """Return why a controller cannot create `what` for a Deployment, from the condition that it wrote."""
    subject = f"Deployment {deployment['metadata']['name']}"
    since = seconds(condition.get("lastTransitionTime"))
    quote = quoted(condition.get("message"))
    remedy = remedy_for(quote, _refused_pods(instance, deployment)) or _UNKNOWN_REFUSAL
    text = message(subject, f"cannot create {what}", cause=quote, remedy=remedy)
    return UnavailableCause(Reason.REPLICA_FAILURE, text, subject, REFUSED_SECONDS + since if since else 0.0)


def _refused_pods(instance: Instance, deployment: Obj) -> RefusedObject:
    """Return the facts about the pods of a Deployment that the remedy of their refusal depends on."""
    is_reports = deployment["metadata"]["name"] == f"{instance.name}-reports"
    reports = instance.spec.report_options
    security = (reports and reports.security_options) if is_reports else instance.spec.security_options
    pod = ((deployment.get("spec") or {}).get("template") or {}).get("spec") or {}
    fields: dict[str, str] = {}
    amounts: dict[str, frozenset[str]] = {}
    for container in pod.get("containers") or ():
        if field := resource_field(instance.name, container["name"]):
            fields[container["name"]] = f"spec.{field}"
            resources = container.get("resources") or {}
            amounts[f"spec.{field}"] = frozenset(
                str(amount) for kind in ("limits", "requests") for amount in (resources.get(kind) or {}).values()
            )
    return RefusedObject(
        instance.namespace,
        resources=next(iter(amounts)) if len(amounts) == 1 else "spec.resources",
        security="spec.reportOptions.securityOptions" if is_reports else "spec.securityOptions",
        has_security=security is not None,
        scheduling="spec.reportOptions.schedulingOptions" if is_reports else "spec.schedulingOptions",
        account=pod.get("serviceAccountName") or "default",
        containers=fields,
        amounts=amounts,
    )


def _unobserved(subject: str, live: Obj) -> UnavailableCause:
    """A Deployment whose controller has not observed any generation of it."""
    cause = "its controller has not observed it (status.observedGeneration is empty), so it has no pod"
    remedy = "If this lasts, check the kube-controller-manager of the cluster"
    created = seconds(live["metadata"].get("creationTimestamp"))
    text = message(subject, "is not ready", cause=cause, remedy=remedy)
    return UnavailableCause(
        Reason.DEPLOYMENT_UNAVAILABLE, text, subject, created + LASTING_SECONDS if created else None
    )


def _unbound(instance: Instance, name: str, claim: Obj, failure: PodFailure | None) -> UnavailableCause:
    """A claim that has no volume. With a `failure`, the scheduler waits for the volume, not the volume for a node."""
    component: claims.Component = "database" if name == claims.claim_name(instance, "database") else "storage"
    field = f"{claims.pvc_field(instance, component)}.spec.storageClassName"
    spec = claim.get("spec") or {}
    chosen, modes = spec.get("storageClassName"), spec.get("accessModes") or ["ReadWriteOnce"]
    mode = "" if modes == ["ReadWriteOnce"] else f" with access mode {' and '.join(modes)}"
    if volume_name := spec.get("volumeName"):  # the claim is bound to no other volume, whatever its class is
        named = f"{field.rpartition('.')[0]}.volumeName names"
        remedy = f"Create PersistentVolume {volume_name}, which {named}, or release it from its other claim"
    elif chosen == "":
        volume = f"PersistentVolume{mode}{' and' if mode else ' with'} no class"
        remedy = f"Create a {volume}, or set {field}, which is empty, and delete the claim"
    else:
        provider = f"StorageClass {chosen}" if chosen else "a default StorageClass"
        exists = f"Check that {provider} exists and provides volumes{mode}"
        remedy = f"{exists}; for another one set {field} and delete the claim"
    cause = ""
    if failure and failure.event:
        cause, remedy = cause_of_claim(failure.event, ClaimFacts(chosen, field, remedy))
    text = message(
        f"PersistentVolumeClaim {name}",
        f"is not bound to a volume, without which Deployment {name} cannot start",
        cause=cause,
        remedy=remedy,
    )
    return UnavailableCause(Reason.VOLUME_PENDING, text, name, failure.lasting_from if failure else None)


def _missing(instance: Instance, name: str) -> str:
    """A sentence about a Deployment that does not exist."""
    if Key("Deployment", instance.namespace, name) in instance.snapshot.terminating:
        return f"Deployment {name} is created again when the pods of the previous one have terminated"
    return f"Deployment {name} does not exist yet"
