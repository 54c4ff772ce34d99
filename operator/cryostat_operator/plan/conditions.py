"""Computes the status of a Cryostat from its plan, from refused writes and from live objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import reviewed_namespaces
from .components import auth_proxy, exposure, ingress
from .deployment_health import deployment_conditions, unavailable_cause
from .instance import Instance
from .model.desired_state import Plan
from .model.kinds import Obj
from .model.problems import Problem
from .model.reasons import Reason, reasons_of
from .model.requests import CertificateRequest
from .pod_failures import PodFailure

Condition = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What a reconcile found besides the plan.

    Attributes:
        refusals: problems of writes that were refused.
        pods: component label → what keeps its pods from serving.
        paused: whether the Cryostat has the pause annotation.
    """

    refusals: Sequence[Problem] = ()
    pods: Mapping[str, PodFailure] = field(default_factory=dict)
    paused: bool = False


@dataclass(frozen=True)
class ConditionRule:
    """A condition that is False while a problem has one of its reasons.

    Attributes:
        type: type of the condition.
        reason: reason while it is True.
        message: message while it is True.
    """

    type: str
    reason: Reason
    message: str

    @property
    def reasons(self) -> frozenset[Reason]:
        """The reasons for which it is False. `Reconciled` has all that no other rule has."""
        return reasons_of(self.type) if self.type != "Reconciled" else frozenset(Reason) - _OTHER_REASONS


_OTHER_CONDITIONS = (
    ConditionRule("ReferencesResolved", Reason.ALL_FOUND, "Every Secret and ConfigMap that the spec names exists"),
    ConditionRule("TargetNamespacesReady", Reason.ALL_REACHABLE, "Every target namespace exists"),
    ConditionRule("DatabaseKeysReady", Reason.KEYS_MATCH, "The database has its keys"),
    ConditionRule("VolumesReady", Reason.AS_REQUESTED, "Volumes are as requested"),
    ConditionRule("Exposed", Reason.ADMITTED, "The application has an address"),
)
_OTHER_REASONS = frozenset(reason for rule in _OTHER_CONDITIONS for reason in reasons_of(rule.type))
CONDITION_RULES = (
    *_OTHER_CONDITIONS,
    ConditionRule("Reconciled", Reason.AS_PLANNED, "Every object is as the spec asks for"),
)
NON_BLOCKING = frozenset({Reason.CHANGED_BY_OTHERS})
"""Reasons that a user should know of, although the instance works."""

# Condition prefix → (name suffix of the Deployment, its component label).
DEPLOYMENTS = {
    "Main": ("", "cryostat"),
    "Database": ("-database", "database"),
    "Storage": ("-storage", "storage"),
    "Reports": ("-reports", "reports"),
}
_COPIED = ("Available", "Progressing", "ReplicaFailure")


def status_for(instance: Instance, plan: Plan, report: Report, now: str) -> Obj:
    """The whole status; `now` (RFC 3339) marks the conditions that changed."""
    problems = [*plan.problems, *report.refusals]
    conditions = [
        *_rules(problems, instance),
        *_deployments(instance),
        *_spec_effective(plan),
        _authentication(instance),
        _tls(instance, plan, report),
        _agents(instance),
    ]
    if report.paused:
        conditions.append(
            _condition("ReconciliationActive", Reason.PAUSED, "Reconciliation is paused by annotation", good=False)
        )
    conditions.insert(0, _ready(instance, plan, problems, report))
    status: Obj = {
        "observedGeneration": instance.cryostat.metadata.get("generation", 0),
        "applicationUrl": exposure.application_url(instance) or "",
        "targetNamespaces": list(instance.target_namespaces),
        "databaseSecret": instance.database_secret,
        "storageSecret": instance.storage_secret,
    }
    records = reviewed_namespaces.records(instance.cryostat, instance.target_namespaces, instance.snapshot.namespaces)
    if records:
        status["reviewedNamespaces"] = records
    if instance.generated_login_secret:
        status["basicAuthSecret"] = instance.generated_login_secret
    status["conditions"] = _with_transition_times(conditions, instance, now)
    return status


def failure_status(generation: int, cause: tuple[str, str], previous: Sequence[Condition], now: str) -> Obj:
    """The status if nothing could be planned: `Ready` is False for this reason and message, other conditions stay."""
    ready = _condition("Ready", *cause, good=False)
    ready["observedGeneration"] = generation
    others = [c for c in previous if c.get("type") != "Ready"]
    before = next((c for c in previous if c.get("type") == "Ready"), None)
    ready["lastTransitionTime"] = _transition_time(before, ready, now)
    return {"observedGeneration": generation, "conditions": [ready, *others]}


def _ready(instance: Instance, plan: Plan, problems: Sequence[Problem], report: Report) -> Condition:
    """True if every Deployment is available and there is no problem, otherwise False with the first cause."""
    if report.paused:
        return _condition("Ready", Reason.PAUSED, "Reconciliation is paused by annotation", good=False)
    serious = [p for p in problems if p.reason not in NON_BLOCKING]
    actionable = [p for p in serious if p.actionable]
    if actionable:
        return _condition("Ready", actionable[0].reason, _join_messages(actionable), good=False)
    for prefix, (suffix, component) in DEPLOYMENTS.items():
        if f"{instance.name}{suffix}" not in desired_deployments(plan):
            continue
        cause = unavailable_cause(instance, f"{instance.name}{suffix}", report.pods.get(component))
        if cause:
            return _condition("Ready", f"{prefix}{cause.reason}", cause.message, good=False)
    if serious:
        return _condition("Ready", serious[0].reason, _join_messages(serious), good=False)
    url = exposure.application_url(instance)
    return _condition(
        "Ready", Reason.ALL_COMPONENTS_AVAILABLE, f"Cryostat is available{f' at {url}' if url else ''}", good=True
    )


def desired_deployments(plan: Plan) -> set[str]:
    return {key.name for key in (*plan.objects, *plan.blocked) if key.kind == "Deployment"}


def _rules(problems: Sequence[Problem], instance: Instance) -> list[Condition]:
    """One condition per rule; problems that a user has to solve come first in its message."""
    result = []
    for rule in CONDITION_RULES:
        causes = [problem for problem in problems if problem.reason in rule.reasons]
        causes.sort(key=lambda problem: not problem.actionable)
        if causes:
            result.append(_condition(rule.type, causes[0].reason, _join_messages(causes), good=False))
        elif rule.type == "Exposed":
            result += _exposed(instance)
        else:
            result.append(_condition(rule.type, rule.reason, rule.message, good=True))
    return result


def _exposed(instance: Instance) -> list[Condition]:
    """Present where the operator gives the application an address: by Route or by Ingress."""
    url = exposure.application_url(instance)
    if url:
        note = ingress.backend_note(instance)
        message = f"The application is served at {url}{f'. {note}' if note else ''}"
        return [_condition("Exposed", Reason.ADDRESS_ASSIGNED, message, good=True)]
    return []


def _deployments(instance: Instance) -> list[Condition]:
    """The conditions of the Deployments under the names that the Go operator gave them."""
    result = []
    for prefix, (suffix, _) in DEPLOYMENTS.items():
        live = instance.live("Deployment", f"{instance.name}{suffix}")
        found = deployment_conditions(live)
        for name in _COPIED:
            if name in found:
                copied = {k: found[name].get(k) or "" for k in ("status", "reason", "message")}
                result.append({"type": f"{prefix}Deployment{name}", **copied, "reason": copied["reason"] or "Unknown"})
    return result


def _authentication(instance: Instance) -> Condition:
    """Whether and how users log in."""
    reason, message = auth_proxy.authentication(instance)
    return _condition("AuthenticationEnabled", reason, message, good=not instance.open_access)


def _spec_effective(plan: Plan) -> list[Condition]:
    """Present where fields of the spec have no effect."""
    ignored = [notice for notice in plan.warnings if notice.actionable]
    if not ignored:
        return []
    return [_condition("SpecEffective", ignored[0].reason, _join_messages(ignored), good=False)]


def _tls(instance: Instance, plan: Plan, report: Report) -> Condition:
    if not instance.tls:
        return _condition(
            "TLSSetupComplete", Reason.CERT_MANAGER_DISABLED, "Traffic inside the instance is not encrypted", good=True
        )
    problems = [p for part in plan.components if part.name == "tls" for p in (w.problem for w in part.blocked)]
    # Other problems of the component, such as a missing target namespace, have conditions of their own.
    tls_reasons = (Reason.CERT_MANAGER_UNAVAILABLE, Reason.NAME_COLLISION, Reason.WAITING_FOR_CERTIFICATE)
    problems = [p for p in (*problems, *report.refusals) if p.component == "tls" and p.reason in tls_reasons]
    problems.sort(key=lambda problem: not problem.actionable)
    if problems:
        return _condition("TLSSetupComplete", problems[0].reason, _join_messages(problems), good=False)
    unready = [
        key.name
        for key, request in plan.requests.items()
        if isinstance(request, CertificateRequest) and not instance.snapshot.certificates.get(key)
    ]
    if unready:
        text = f"Certificates in Secrets {', '.join(unready)} have not been issued yet"
        return _condition("TLSSetupComplete", Reason.WAITING_FOR_CERTIFICATE, text, good=False)
    issuer = "cert-manager" if instance.tls_issuer == "cert-manager" else "the operator's own authority"
    return _condition(
        "TLSSetupComplete", Reason.ALL_CERTIFICATES_READY, f"Certificates are issued by {issuer}", good=True
    )


def _agents(instance: Instance) -> Condition:
    """Whether the agent gateway authenticates agents."""
    kind = "AgentsAuthenticated"
    if instance.tls:
        return _condition(
            kind, Reason.CLIENT_CERTIFICATE, "Agents show a certificate of the instance's authority", good=True
        )
    text = (
        "TLS is off: every pod of the target namespaces can use the application's API for agents, "
        "and their traffic can be read on the way"
    )
    return _condition(kind, Reason.TLS_DISABLED, text, good=False)


def _condition(kind: str, reason: str, message: str, *, good: bool) -> Condition:
    return {"type": kind, "status": "True" if good else "False", "reason": str(reason), "message": message}


def _join_messages(problems: Sequence[Problem]) -> str:
    *first, last = dict.fromkeys(p.message for p in problems)
    return "; ".join([*(message.removesuffix(".") for message in first), last])[:32768]


def _with_transition_times(conditions: list[Condition], instance: Instance, now: str) -> list[Condition]:
    before = (
        {c.type: c.model_dump(by_alias=True) for c in (instance.cryostat.status.conditions or ()) if c}
        if instance.cryostat.status
        else {}
    )
    generation = instance.cryostat.metadata.get("generation", 0)
    return [
        {**c, "observedGeneration": generation, "lastTransitionTime": _transition_time(before.get(c["type"]), c, now)}
        for c in conditions
    ]


def _transition_time(before: Mapping[str, Any] | None, condition: Condition, now: str) -> str:
    if before and before.get("status") == condition["status"]:
        return str(before.get("lastTransitionTime") or now)
    return now
