"""Why an instance is not ready: the causes, the chain of states that led to each, and the next command to run."""

from __future__ import annotations

from collections.abc import Iterator

from ..plan.diagnosis.foreign_policies import directions
from ..plan.diagnosis.pod_failures import pod_failure
from ..plan.model.kinds import Obj
from ..plan.model.reasons import Reason
from .cause import Cause
from .observed import Observed
from .operator_causes import operator_causes, operator_namespace
from .states import find_condition

_COMPONENTS = {"Main": "", "Database": "-database", "Storage": "-storage", "Reports": "-reports"}
_DAY = 86400.0
_PODS = "kubectl -n {n} describe pods -l app={i},kind=cryostat"
_OPERATOR_LOG = "kubectl -n {o} logs deployment/cryostat-operator-controller"
_CERTIFICATES = "kubectl -n {n} describe certificates,certificaterequests"
_CLAIMS = "kubectl -n {n} describe persistentvolumeclaims"
_POLICIES = "kubectl -n {n} describe networkpolicies"
_INGRESS_CONTROLLERS = "kubectl -n openshift-ingress-operator get ingresscontrollers -o yaml"

# Reason → the next command. {n} is the namespace, {i} the name of the Cryostat, {d} the Deployment of the component,
# {s} the Secret with the keys of the database, {o} the namespace of the operator.
_COMMANDS = {
    Reason.PAUSED: "kubectl -n {n} annotate cryostat {i} operator.cryostat.io/pause-reconciliation-",
    Reason.HIBERNATED: "kubectl -n {n} annotate cryostat {i} operator.cryostat.io/hibernation-",
    Reason.SECRET_NOT_FOUND: "kubectl -n {n} get secrets",
    Reason.SECRET_KEY_NOT_FOUND: "kubectl -n {n} get secrets",
    Reason.SECRET_VALUE_INVALID: "kubectl -n {n} get secrets",
    Reason.LOGIN_FILE_INVALID: "kubectl -n {n} get secrets",
    Reason.CONFIGMAP_NOT_FOUND: "kubectl -n {n} get configmaps",
    Reason.CONFIGMAP_KEY_NOT_FOUND: "kubectl -n {n} get configmaps",
    Reason.NAMESPACE_NOT_FOUND: "kubectl get namespaces",
    Reason.NAMESPACE_TERMINATING: "kubectl get namespaces",
    Reason.NAMESPACE_NOT_SERVED: _OPERATOR_LOG,
    Reason.DATABASE_SECRET_LOST: "kubectl -n {n} get secrets,persistentvolumeclaims",
    Reason.DATABASE_KEYS_INCOMPLETE: "kubectl -n {n} describe secret {s}",
    Reason.DATABASE_KEYS_MISMATCHED: "kubectl -n {n} describe secret {s}",
    Reason.DATABASE_SECRET_MISMATCHED: "kubectl -n {n} edit cryostat {i}",
    Reason.PERSISTENT_VOLUME_CLAIM_INVALID: "kubectl -n {n} edit cryostat {i}",
    Reason.DATA_LOSS_CONFIRMATION_REQUIRED: "kubectl -n {n} edit cryostat {i}",
    Reason.VOLUME_LOST: _CLAIMS,
    Reason.VOLUME_BEING_DELETED: _CLAIMS,
    Reason.VOLUME_PENDING: "kubectl -n {n} describe persistentvolumeclaim {d}",
    Reason.ROUTE_NOT_ADMITTED: _INGRESS_CONTROLLERS,
    Reason.ROUTE_NOT_HANDLED: _INGRESS_CONTROLLERS,
    Reason.ROUTE_REJECTED: "kubectl get routes --all-namespaces",
    Reason.QUOTA_EXCEEDED: "kubectl -n {n} describe resourcequota",
    Reason.LIMIT_RANGE_VIOLATED: "kubectl -n {n} describe limitrange",
    Reason.REPLICA_FAILURE: "kubectl -n {n} describe replicasets,resourcequota",
    Reason.CONTAINER_CRASHED: "kubectl -n {n} logs deployment/{d} --all-containers --previous",
    Reason.POD_NOT_READY: "kubectl -n {n} logs deployment/{d} --all-containers",
    Reason.DEPLOYMENT_UNAVAILABLE: "kubectl -n {n} describe deployment {d}",
    Reason.DEPLOYMENT_PENDING: "kubectl -n {n} describe cryostat {i}",
    Reason.CERT_MANAGER_UNAVAILABLE: "kubectl get customresourcedefinitions certificates.cert-manager.io",
    Reason.WAITING_FOR_CERTIFICATE: _CERTIFICATES,
    Reason.CERTIFICATE_NOT_ISSUED: _CERTIFICATES,
    Reason.CERTIFICATE_NOT_RENEWED: _CERTIFICATES,
    Reason.CERTIFICATE_FAILED: _CERTIFICATES,
    Reason.CERTIFICATE_EXPIRED: _CERTIFICATES,
    Reason.SECRET_NOT_GENERATED: _OPERATOR_LOG,
    Reason.REFERENCE_NOT_READ: _OPERATOR_LOG,
    Reason.INTERNAL_ERROR: _OPERATOR_LOG,
    Reason.WAITING_FOR_OPERATOR: "kubectl -n {o} get pods,events",
    Reason.ROLLING_IN_ORDER: _PODS,
    Reason.ROLLOUT_NOT_FINISHED: _PODS,
}
_DEFAULT_COMMAND = "kubectl -n {n} describe cryostat {i}"
# Reasons of a pod that runs, but cannot connect to another one.
_CONNECTION_REASONS = (Reason.CONTAINER_CRASHED, Reason.POD_NOT_READY, Reason.DEPLOYMENT_UNAVAILABLE)

_REASONS = frozenset(str(reason) for reason in Reason)  # `DatabaseSecretLost` has no prefix of a component
_BLOCKING = (
    "Ready",
    "ReferencesResolved",
    "TargetNamespacesReady",
    "DatabaseKeysReady",
    "VolumesReady",
    "Exposed",
    "TLSSetupComplete",
    "UpgradeAllowed",
    "Reconciled",
)


def causes(observed: Observed, now: float) -> list[Cause]:
    """Return the causes, the first one first; empty for an instance that is ready and has no expired certificate.

    Args:
        now: seconds since the epoch.
    """
    found = [*operator_causes(observed, now), *_expired(observed, now)]
    if not observed.ready:
        found += _from_conditions(observed)
        found = _without_consequences(found)
    by_message = {cause.message: cause for cause in reversed(found)}
    return [by_message[message] for message in dict.fromkeys(cause.message for cause in found)]


def _without_consequences(found: list[Cause]) -> list[Cause]:
    """Leave out causes that only follow from another one, unless they are the only ones."""
    reasons = {cause.reason for cause in found}
    following: set[str] = {Reason.APPLICATION_UNAVAILABLE} if len(reasons) > 1 else set()
    if "OperatorNotRunning" in reasons:
        following.add("StatusOutdated")
    if any(reason.endswith(Reason.VOLUME_PENDING) for reason in reasons - {Reason.VOLUME_PENDING}):
        following.add(Reason.VOLUME_PENDING)
    return [cause for cause in found if cause.reason not in following]


def _expired(observed: Observed, now: float) -> Iterator[Cause]:
    for secret, end in sorted(observed.expiries.items()):
        if end <= now:
            days = int((now - end) // _DAY)
            age = f"{days} day{'s' * (days != 1)} ago" if days else "today"
            message = f"The certificate in Secret {secret} expired {age}, so connections that need it fail."
            chain = (f"Cryostat {observed.namespace}/{observed.name}", f"Secret {secret}: certificate expired")
            yield Cause(Reason.CERTIFICATE_EXPIRED, message, chain, _command_to_renew(observed, secret))


def _command_to_renew(observed: Observed, secret: str) -> str:
    """cert-manager or the operator renews a certificate; the operator does not while the Cryostat is paused."""
    namespace, _, name = secret.partition("/")
    for each in observed.objects:
        if each["kind"] == "Certificate" and (each.get("spec") or {}).get("secretName") == name:
            return f"kubectl -n {namespace} describe certificate {each['metadata']['name']}"
    paused = find_condition(observed.cryostat, "ReconciliationActive").get("reason") == Reason.PAUSED
    command = _COMMANDS[Reason.PAUSED] if paused else _OPERATOR_LOG
    return command.format(n=observed.namespace, i=observed.name, o=operator_namespace(observed))


def _from_conditions(observed: Observed) -> Iterator[Cause]:
    """One cause for each reason. `Ready` is the first condition and has the reason of the part that it is about."""
    conditions = observed.conditions
    if not conditions:
        message = "The operator has not reported a status yet."
        command = "kubectl get pods --all-namespaces -l app.kubernetes.io/name=cryostat-operator"
        yield Cause("NoStatus", message, (f"Cryostat {observed.namespace}/{observed.name}",), command)
    elif not observed.is_current:
        message = "The status is about an earlier version of the spec; the operator has not read the last change yet."
        yield Cause("StatusOutdated", message, (), "kubectl get pods -A -l app.kubernetes.io/name=cryostat-operator")
    failed = [each for each in conditions if each["type"] in _BLOCKING and each.get("status") != "True"]
    failed = [each for each in failed if each["type"] == "Ready" or each.get("reason") != Reason.NOT_OBSERVED]
    # The condition about the part comes first: `Reconciled` only refers to it. `Ready` stays the first one.
    failed.sort(key=lambda each: _BLOCKING.index(each["type"]))
    first: dict[str | None, Obj] = {}
    for condition in failed:
        first.setdefault(condition.get("reason"), condition)
    yield from (_cause(observed, condition) for condition in first.values())


def _cause(observed: Observed, condition: Obj) -> Cause:
    reason = str(condition.get("reason") or "")
    component = "" if reason in _REASONS else next((each for each in _COMPONENTS if reason.startswith(each)), "")
    deployment = f"{observed.name}{_COMPONENTS.get(component, '')}"
    chain = [f"Cryostat {observed.namespace}/{observed.name}: {condition['type']} is {condition['status']} ({reason})"]
    if component:
        chain += _component_chain(observed, deployment)
    if component and reason.removeprefix(component) in _CONNECTION_REASONS:
        chain += _policies_chain(observed)
    command = _command(observed, reason.removeprefix(component), component)
    values = {
        "n": observed.namespace,
        "i": observed.name,
        "d": deployment,
        "s": observed.status.get("databaseSecret") or f"{observed.name}-db",
        "o": operator_namespace(observed),
    }
    return Cause(reason, str(condition.get("message") or reason), tuple(chain), command.format(**values))


def _command(observed: Observed, reason: str, component: str) -> str:
    """The next command for a reason without the prefix of its component."""
    if reason == Reason.VOLUME_PENDING and not component:
        return _CLAIMS
    if reason in (Reason.POD_NOT_READY, Reason.DEPLOYMENT_UNAVAILABLE) and observed.foreign_policies:
        return f"{_POLICIES} {' '.join(each['metadata']['name'] for each in observed.foreign_policies)}"
    command = _COMMANDS.get(
        reason,  # type: ignore[call-overload] # members are strings
        _PODS if component else _DEFAULT_COMMAND,
    )
    if command == _CERTIFICATES and not any(each["kind"] == "Certificate" for each in observed.objects):
        return _OPERATOR_LOG  # the operator issues the certificates, or does not create the Certificates
    return str(command)


def _policies_chain(observed: Observed) -> Iterator[str]:
    """NetworkPolicies of other owners, which may deny the connections of the pods."""
    for policy in observed.foreign_policies:
        title = f"NetworkPolicy {observed.namespace}/{policy['metadata']['name']}"
        yield f"{title} restricts {directions(policy)} of pods of this instance; the operator did not create it"


def _component_chain(observed: Observed, deployment: str) -> Iterator[str]:
    """States of a component: its Deployment, its pods, its volume."""
    live = next((o for o in observed.objects if (o["kind"], o["metadata"]["name"]) == ("Deployment", deployment)), None)
    if live is None:
        yield f"Deployment {deployment} does not exist"
        return
    status = live.get("status") or {}
    yield f"Deployment {deployment}: {status.get('readyReplicas', 0)} of {live['spec'].get('replicas', 1)} pods ready"
    failure = find_condition(live, "ReplicaFailure")
    if failure.get("status") == "True":
        yield f"ReplicaSet: {failure.get('message', '')}"
    component = deployment.removeprefix(observed.name).lstrip("-") or "cryostat"
    for pod in observed.pods:
        if (pod["metadata"].get("labels") or {}).get("component") == component and (found := pod_failure(pod)):
            yield f"Pod {pod['metadata']['name']}: {found.cause}"
    for claim in observed.objects:
        pending = (claim.get("status") or {}).get("phase") != "Bound"
        if claim["kind"] == "PersistentVolumeClaim" and claim["metadata"]["name"] == deployment and pending:
            yield f"PersistentVolumeClaim {deployment}: {(claim.get('status') or {}).get('phase', 'Pending')}"
