"""The conditions about parts of an instance. Each is True only for what was observed."""

from __future__ import annotations

from collections.abc import Sequence

from . import claims
from .components import exposure, ingress, ingress_backend
from .diagnosis.deployment_health import deployment_conditions
from .hibernation import is_hibernated
from .instance import Instance
from .model.condition import Condition, condition, failed
from .model.desired_state import Plan
from .model.kinds import Key, Obj
from .model.messages import all_of, first_parts, message
from .model.problems import Problem
from .model.reason_groups import reasons_of
from .model.reasons import Reason
from .model.requests import CertificateRequest
from .readiness import DEPLOYMENTS, is_available


def volumes(instance: Instance, plan: Plan, problems: Sequence[Problem]) -> Condition | None:
    """Return why claims are not bound or not as requested; None if all are.

    Args:
        problems: all problems, with those of refused writes.
    """
    kind = "VolumesReady"
    found = [problem for problem in problems if problem.reason in reasons_of(kind)]
    for name in claims.names_in_use(instance):
        key = Key("PersistentVolumeClaim", instance.namespace, name)
        live = instance.live(key.kind, name)
        refused = [problem for problem in problems if problem.dedup_key == str(key)]
        if refused:
            found += refused
        elif live is None:
            blocked = plan.blocked.get(key)
            cause = blocked.problem.message if blocked else ""
            text = message(f"PersistentVolumeClaim {name}", "does not exist yet", cause=cause)
            found.append(Problem("core", blocked.problem.reason if blocked else Reason.VOLUME_PENDING, text))
        elif claims.phase(live) == "Pending":
            command = f"kubectl describe pvc -n {instance.namespace} {name}"
            text = f"PersistentVolumeClaim {name} is not bound to a volume. {command} shows its events."
            found.append(Problem("core", Reason.VOLUME_PENDING, text))
    return failed(kind, list(dict.fromkeys(found))) if found else None


def is_shown_by_volumes(instance: Instance, problem: Problem) -> bool:
    """Return whether `VolumesReady` shows a problem: that of a refused write of a claim in use."""
    names = claims.names_in_use(instance)
    return problem.dedup_key in {str(Key("PersistentVolumeClaim", instance.namespace, name)) for name in names}


def exposed(instance: Instance) -> Condition | None:
    """Return whether the application answers at an address; None without Route, Ingress and load balancer."""
    url = exposure.served_url(instance)
    if not url:
        missing = exposure.missing_address(instance)
        return condition("Exposed", Reason.ADDRESS_NOT_REPORTED, missing, good=None) if missing else None
    if is_hibernated(instance):
        text = message(url, "does not answer", cause="the instance hibernates")
        return condition("Exposed", Reason.HIBERNATED, text, good=False)
    if not is_available(instance, instance.name):
        cause = f"Deployment {instance.name} has no pod that serves"
        text = message(url, "does not answer", cause=cause, remedy="See Ready and ComponentsAvailable for the cause")
        return condition("Exposed", Reason.APPLICATION_UNAVAILABLE, text, good=False)
    unreported = ingress.unreported(instance, url)
    notes = [note for note in (ingress_backend.unknown_controller(instance), _unread_secrets(instance)) if note]
    if problem := ingress_backend.problem(instance):
        # A message has at most three sentences. Notes that are left out are reported once the Ingress has an address.
        missing = ingress.missing_address(instance) if unreported else ""
        texts = [problem.message, *([missing] if missing else notes[:1])]
        good = None if problem.reason == Reason.BACKEND_NOT_VERIFIED else False
        return condition("Exposed", problem.reason, all_of(texts), good=good)
    if unreported:
        return condition("Exposed", Reason.ADDRESS_NOT_REPORTED, all_of([unreported, *notes[:1]]), good=None)
    text = all_of([f"The application is served at {url}", *notes])
    return condition("Exposed", Reason.ADDRESS_ASSIGNED, text, good=True)


def _unread_secrets(instance: Instance) -> str:
    """A sentence about the Secrets of the Ingress, which only its controller reads; empty if it has none."""
    names = list(dict.fromkeys(ingress.tls_secrets(instance)))
    if not names:
        return ""
    several = len(names) > 1
    subject = f"Secret{'s' if several else ''} {' and '.join(names)} of ingressSpec.tls {'are' if several else 'is'}"
    return f"{subject} not checked, because only the Ingress controller reads {'them' if several else 'it'}"


def reconciled_while_paused(differing: Sequence[Key]) -> Condition:
    """Return the condition `Reconciled` of a paused Cryostat with objects that differ from its spec."""
    text = message(
        first_parts([str(key) for key in differing], noun="objects"),
        f"{'differ' if len(differing) > 1 else 'differs'} from the spec",
        consequence="While the reconciliation is paused, the operator does not change that",
    )
    return condition("Reconciled", Reason.PAUSED, text, good=False)


def tls(instance: Instance, plan: Plan, problems: Sequence[Problem], refusals: Sequence[Problem]) -> Condition:
    """Return whether every certificate is issued.

    Args:
        problems: all problems.
        refusals: those of refused writes.
    """
    kind = "TLSSetupComplete"
    if not instance.tls:
        return condition(kind, Reason.CERT_MANAGER_DISABLED, "Traffic inside the instance is not encrypted", good=True)
    # Other problems of the component, such as a missing target namespace, have conditions of their own.
    own = [p for p in problems if p.component == "tls" and (p.reason == Reason.NAME_COLLISION or p in refusals)]
    found = list(dict.fromkeys([*own, *(p for p in (*problems, *plan.warnings) if p.reason in reasons_of(kind))]))
    if found:
        return failed(kind, found)
    unready = [
        key.name
        for key, request in plan.requests.items()
        if isinstance(request, CertificateRequest) and not instance.snapshot.certificates.get(key)
    ]
    if unready:
        one = len(unready) == 1
        text = f"The certificate{'' if one else 's'} in Secret{'' if one else 's'} {' and '.join(unready)} "
        text += f"{'has' if one else 'have'} not been issued yet."
        return condition(kind, Reason.WAITING_FOR_CERTIFICATE, text, good=False)
    issuer = "cert-manager" if instance.tls_issuer == "cert-manager" else "the operator's own authority"
    text = f"Certificates are issued by {issuer}. The agent gateway accepts only agents that present one of them."
    return condition(kind, Reason.ALL_CERTIFICATES_READY, text, good=True)


def spec_effective(plan: Plan) -> Condition | None:
    """Return the condition about fields of the spec that have no effect; None if there are none."""
    kind = "SpecEffective"
    ignored = [notice for notice in plan.warnings if notice.reason in reasons_of(kind)]
    return failed(kind, ignored) if ignored else None


def deployments(instance: Instance) -> list[Condition]:
    """Return the conditions of the Deployments, copied under the names that the Go operator gave them.

    Kubernetes does not say why a Deployment is not available, so the message refers to the condition that does.

    `…ReplicaFailure` is True in the bad state, and exists only then.
    """
    result = []
    for prefix, (suffix, _) in DEPLOYMENTS.items():
        found = deployment_conditions(instance.live("Deployment", f"{instance.name}{suffix}"))
        present = (name for name in ("Available", "Progressing", "ReplicaFailure") if name in found)
        result += [_copied_condition(prefix, name, found[name]) for name in present]
    return result


def _copied_condition(prefix: str, name: str, found: Obj) -> Condition:
    copied = {k: found.get(k) or "" for k in ("status", "reason", "message")}
    if name == "Available" and copied["status"] != "True":
        copied["message"] = all_of([copied["message"], "See ComponentsAvailable for the cause"])
    return {"type": f"{prefix}Deployment{name}", **copied, "reason": copied["reason"] or "Unknown"}
