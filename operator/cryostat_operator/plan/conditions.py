"""The spokesman: a Cryostat's status from what was planned, refused and observed. Conditions are True when good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .components import auth_proxy, exposure
from .instance import Instance
from .model.desired_state import Plan
from .model.kinds import Key, Obj
from .model.problems import Problem
from .model.requests import CertificateRequest

Condition = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """What a run found out, besides the plan itself.

    Attributes:
        refusals: writes that did not get through.
        pods: component label → one sentence on what keeps its pods from running.
        paused: whether the user asked to leave everything as it is.
    """

    refusals: Sequence[Problem] = ()
    pods: Mapping[str, str] = field(default_factory=dict)
    paused: bool = False


@dataclass(frozen=True)
class _Topic:
    """A condition that turns False for certain reasons."""

    type: str
    reasons: frozenset[str]
    good: str
    message: str


# Which condition tells which reasons; the first match wins, `Reconciled` takes the rest.
_TOPICS = (
    _Topic(
        "ReferencesResolved",
        frozenset({"SecretNotFound", "SecretKeyNotFound", "ConfigMapNotFound", "ConfigMapKeyNotFound"}),
        "AllFound",
        "Every Secret and ConfigMap that the spec names exists",
    ),
    _Topic(
        "TargetNamespacesReady",
        frozenset({"NamespaceNotFound", "NamespaceTerminating"}),
        "AllReachable",
        "Every target namespace exists",
    ),
    _Topic(
        "DatabaseKeysReady",
        frozenset({"DatabaseSecretLost", "DatabaseSecretMismatched"}),
        "KeysMatch",
        "The database has its keys",
    ),
    _Topic(
        "VolumesReady",
        frozenset({"PersistentVolumeClaimInvalid", "DataLossConfirmationRequired", "VolumeLost"}),
        "AsRequested",
        "Volumes are as requested",
    ),
    _Topic(
        "Exposed",
        frozenset({"RouteNotAdmitted", "RouteRejected", "RouteInvalid"}),
        "Admitted",
        "The application has an address",
    ),
    _Topic("Reconciled", frozenset(), "AsPlanned", "Every object is as the spec asks for"),
)
# Problems that the user should know of, but that leave a working instance.
NON_BLOCKING = frozenset({"ChangedByOthers"})

# Condition prefix → (name suffix of the Deployment, its component label).
DEPLOYMENTS = {
    "Main": ("", "cryostat"),
    "Database": ("-database", "database"),
    "Storage": ("-storage", "storage"),
    "Reports": ("-reports", "reports"),
}
_COPIED = ("Available", "Progressing", "ReplicaFailure")


def status_of(instance: Instance, plan: Plan, report: Report, now: str) -> Obj:
    """The whole status; `now` (RFC 3339) marks the conditions that changed."""
    problems = [*plan.problems, *report.refusals]
    conditions = [
        *_topics(problems, instance),
        *_deployments(instance),
        *_effective(plan),
        _authentication(instance),
        _tls(instance, plan, report),
        _agents(instance),
    ]
    if report.paused:
        conditions.append(
            _condition("ReconciliationActive", "Paused", "Reconciliation is paused by annotation", good=False)
        )
    conditions.insert(0, _ready(instance, plan, problems, report))
    status: Obj = {
        "observedGeneration": instance.cryostat.metadata.get("generation", 0),
        "applicationUrl": exposure.application_url(instance) or "",
        "targetNamespaces": list(instance.target_namespaces),
        "databaseSecret": instance.database_secret,
        "storageSecret": instance.storage_secret,
    }
    if instance.minted_login_secret:
        status["basicAuthSecret"] = instance.minted_login_secret
    status["conditions"] = _dated(conditions, instance, now)
    return status


def unreadable(generation: int, cause: tuple[str, str], previous: Sequence[Condition], now: str) -> Obj:
    """Status of a Cryostat of which nothing could be drawn, for a reason and in one sentence; the rest stays."""
    ready = _condition("Ready", *cause, good=False)
    ready["observedGeneration"] = generation
    others = [c for c in previous if c.get("type") != "Ready"]
    before = next((c for c in previous if c.get("type") == "Ready"), None)
    ready["lastTransitionTime"] = _since(before, ready, now)
    return {"observedGeneration": generation, "conditions": [ready, *others]}


def _ready(instance: Instance, plan: Plan, problems: Sequence[Problem], report: Report) -> Condition:
    """True when every Deployment serves and nothing is wrong; else the first cause in one sentence."""
    if report.paused:
        return _condition("Ready", "Paused", "Reconciliation is paused by annotation", good=False)
    serious = [p for p in problems if p.reason not in NON_BLOCKING]
    loud = [p for p in serious if p.actionable]
    if loud:
        return _condition("Ready", loud[0].reason, _sentences(loud), good=False)
    for prefix, (suffix, component) in DEPLOYMENTS.items():
        if f"{instance.name}{suffix}" not in wished_deployments(plan):
            continue
        cause = _unavailable(instance, f"{instance.name}{suffix}", report.pods.get(component))
        if cause:
            return _condition("Ready", f"{prefix}{cause[0]}", cause[1], good=False)
    if serious:
        return _condition("Ready", serious[0].reason, _sentences(serious), good=False)
    url = exposure.application_url(instance)
    return _condition(
        "Ready", "AllComponentsAvailable", f"Cryostat is available{f' at {url}' if url else ''}", good=True
    )


def wished_deployments(plan: Plan) -> set[str]:
    return {key.name for key in (*plan.objects, *plan.blocked) if key.kind == "Deployment"}


def _unavailable(instance: Instance, name: str, pod_trouble: str | None) -> tuple[str, str] | None:
    """Reason and sentence on why a Deployment does not serve its newest version, or None where it does."""
    live = instance.live("Deployment", name)
    if live is None:
        going = Key("Deployment", instance.namespace, name) in instance.snapshot.leaving
        waits = "is made again when the pods of the former one have ended" if going else "does not exist yet"
        return "DeploymentPending", f"Deployment {name} {waits}"
    found = {c["type"]: c for c in (live.get("status") or {}).get("conditions") or ()}
    failure = found.get("ReplicaFailure")
    if failure and failure["status"] == "True":
        return "ReplicaFailure", f"Deployment {name}: {failure.get('message', '')}"
    if pod_trouble:
        return "PodNotRunning", f"Deployment {name}: {pod_trouble}"
    claim = instance.live("PersistentVolumeClaim", name)
    if claim and (claim.get("status") or {}).get("phase") == "Pending" and not _is_true(found.get("Available")):
        return "VolumePending", f"PersistentVolumeClaim {name} is not bound to a volume yet"
    if not _is_true(found.get("Available")):
        told = found.get("Available", {}).get("message") or "no pod has been started yet"
        return "DeploymentUnavailable", f"Deployment {name}: {told}"
    return None


def _is_true(condition: Condition | None) -> bool:
    return bool(condition) and condition is not None and condition.get("status") == "True"


def _topics(problems: Sequence[Problem], instance: Instance) -> list[Condition]:
    result = []
    for topic in _TOPICS:
        others = frozenset().union(*(t.reasons for t in _TOPICS)) if not topic.reasons else frozenset()
        mine = [p for p in problems if (p.reason in topic.reasons if topic.reasons else p.reason not in others)]
        mine.sort(key=lambda problem: not problem.actionable)  # what is wrong before what is waited for
        if mine:
            result.append(_condition(topic.type, mine[0].reason, _sentences(mine), good=False))
        elif topic.type == "Exposed":
            result += _exposed(instance)
        else:
            result.append(_condition(topic.type, topic.good, topic.message, good=True))
    return result


def _exposed(instance: Instance) -> list[Condition]:
    """Present where the operator gives the application an address: by Route or by Ingress."""
    url = exposure.application_url(instance)
    if url:
        note = exposure.backend_note(instance)
        message = f"The application is served at {url}{f'. {note}' if note else ''}"
        return [_condition("Exposed", "AddressAssigned", message, good=True)]
    return []


def _deployments(instance: Instance) -> list[Condition]:
    """The conditions of the Deployments under the names that the Go operator gave them."""
    result = []
    for prefix, (suffix, _) in DEPLOYMENTS.items():
        live = instance.live("Deployment", f"{instance.name}{suffix}")
        found = {c["type"]: c for c in ((live or {}).get("status") or {}).get("conditions") or ()}
        for name in _COPIED:
            if name in found:
                copied = {k: found[name].get(k) or "" for k in ("status", "reason", "message")}
                result.append({"type": f"{prefix}Deployment{name}", **copied, "reason": copied["reason"] or "Unknown"})
    return result


def _authentication(instance: Instance) -> Condition:
    """Who may come in, and by which way."""
    reason, message = auth_proxy.authentication(instance)
    return _condition("AuthenticationEnabled", reason, message, good=not instance.open_access)


def _effective(plan: Plan) -> list[Condition]:
    """Present where fields of the spec have no effect."""
    ignored = [notice for notice in plan.warnings if notice.actionable]
    if not ignored:
        return []
    return [_condition("SpecEffective", ignored[0].reason, _sentences(ignored), good=False)]


def _tls(instance: Instance, plan: Plan, report: Report) -> Condition:
    if not instance.tls:
        return _condition(
            "TLSSetupComplete", "CertManagerDisabled", "Traffic inside the instance is not encrypted", good=True
        )
    problems = [p for part in plan.components if part.name == "tls" for p in (w.problem for w in part.blocked)]
    # That a target namespace cannot be reached is no fault of the certificates.
    ours = ("CertManagerUnavailable", "NameCollision", "WaitingForCertificate")
    problems = [p for p in (*problems, *report.refusals) if p.component == "tls" and p.reason in ours]
    problems.sort(key=lambda problem: not problem.actionable)
    if problems:
        return _condition("TLSSetupComplete", problems[0].reason, _sentences(problems), good=False)
    unready = [
        key.name
        for key, order in plan.requests.items()
        if isinstance(order, CertificateRequest) and not instance.snapshot.certificates.get(key)
    ]
    if unready:
        text = f"Certificates in Secrets {', '.join(unready)} have not been issued yet"
        return _condition("TLSSetupComplete", "WaitingForCertificate", text, good=False)
    issuer = "cert-manager" if instance.tls_issuer == "cert-manager" else "the operator's own authority"
    return _condition("TLSSetupComplete", "AllCertificatesReady", f"Certificates are issued by {issuer}", good=True)


def _agents(instance: Instance) -> Condition:
    """Whether the agent gateway knows who calls it."""
    kind = "AgentsAuthenticated"
    if instance.tls:
        return _condition(kind, "ClientCertificate", "Agents show a certificate of the instance's authority", good=True)
    text = (
        "TLS is off: every pod of the target namespaces can use the application's API for agents, "
        "and their traffic can be read on the way"
    )
    return _condition(kind, "TLSDisabled", text, good=False)


def _condition(kind: str, reason: str, message: str, *, good: bool) -> Condition:
    return {"type": kind, "status": "True" if good else "False", "reason": reason, "message": message}


def _sentences(problems: Sequence[Problem]) -> str:
    *first, last = dict.fromkeys(p.message for p in problems)
    return "; ".join([*(message.removesuffix(".") for message in first), last])[:32768]


def _dated(conditions: list[Condition], instance: Instance, now: str) -> list[Condition]:
    before = (
        {c.type: c.model_dump(by_alias=True) for c in (instance.cryostat.status.conditions or ()) if c}
        if instance.cryostat.status
        else {}
    )
    generation = instance.cryostat.metadata.get("generation", 0)
    return [
        {**c, "observedGeneration": generation, "lastTransitionTime": _since(before.get(c["type"]), c, now)}
        for c in conditions
    ]


def _since(before: Mapping[str, Any] | None, condition: Condition, now: str) -> str:
    if before and before.get("status") == condition["status"]:
        return str(before.get("lastTransitionTime") or now)
    return now
