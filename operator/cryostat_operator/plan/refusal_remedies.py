"""Finds what to change after admission refused an object: quotas, limit ranges, Pod Security, webhooks and policies.

Admission reports no structured cause, so the texts of the API server decide. They are from
k8s.io/apiserver/pkg/admission/plugin/resourcequota, plugin/pkg/admission/limitranger of Kubernetes,
k8s.io/pod-security-admission, k8s.io/apiserver/pkg/admission/plugin/webhook and …/plugin/policy/validating.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_NOT_ANSWERED = re.compile(r'failed calling webhook "(?P<webhook>[^"]+)"')
_DENIED = re.compile(r'admission webhook "(?P<webhook>[^"]+)" denied the request')
_POLICY = re.compile(r"ValidatingAdmissionPolicy '[^']+'(?: with binding '(?P<binding>[^']+)')? denied request")
_EXCEEDED = re.compile(r"exceeded quota: (?P<quota>[^,\s]+), requested: (?P<requested>[^ ]+=[^ ]+)")
_UNSET = re.compile(r"failed quota: (?P<quota>[^:\s]+): must specify (?P<what>.+)")
_UNSCOPED = re.compile(r"insufficient quota to match these scopes")
_UNKNOWN_USAGE = re.compile(r"status unknown for quota: (?P<quota>[^,\s]+)")
_LIMIT = re.compile(
    r"(?P<side>maximum|minimum) (?P<resource>[\w./-]+) usage per (?P<kind>\w+) is (?P<bound>\S+)"
    r"(?: but (?:limit|request) is (?P<amount>[\w.]+))?"
)
_RATIO = re.compile(r"(?P<resource>[\w./-]{0,63}) max limit to request ratio per \w+ is (?P<bound>\S+)")
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<level>\w+)')
_CONSTRAINT = re.compile(r"against any security context constraint")
_PRIORITY_CLASS = re.compile(r"no PriorityClass with name (?P<name>\S+) was found")
_NODE_SELECTOR = re.compile(r"node label selector conflicts with its namespace")
_ACCOUNT = re.compile(r"error looking up service account")
_PERMISSIONS = re.compile(r'User "[^"]+" cannot \w+ resource|attempting to grant RBAC permissions|blockOwnerDeletion')
_STORAGE = re.compile(r"storage|persistentvolumeclaims")
_COMPUTE = re.compile(r"(requests\.|limits\.)?(cpu|memory|ephemeral-storage)")
_SERVICES = re.compile(r"services\.(loadbalancers|nodeports)")
_TERMINATING = re.compile(r"in namespace (?P<namespace>\S+) because it is being terminated")
_RUNTIME_CLASS = re.compile(r'RuntimeClass "(?P<name>[^"]+)" not found')
_ETCD_FULL = re.compile(r"etcdserver: mvcc: database space exceeded")
_ADDRESSES_USED = re.compile(r"failed to allocate a serviceIP")
_KYVERNO, _GATEKEEPER = "kyverno.svc", "gatekeeper.sh"
_PREDEFINED = {"restricted": "baseline", "baseline": "privileged"}


@dataclass(frozen=True)
class RefusedObject:
    """An object that was refused, or whose pods were.

    Attributes:
        namespace: its namespace.
        resources: field of the spec with the resources of its containers, or with the size of a claim.
        security: field of the spec with the security contexts of its pods.
        has_security: whether that field is set.
        scheduling: field of the spec with the node selector of its pods.
        account: name of the ServiceAccount of its pods.
        containers: by name of a container, the field of the spec with its resources.
        amounts: by field of the spec with the resources of a container, the amounts that it has.
        is_deletion: whether its deletion was refused: no change of the spec helps then.
    """

    namespace: str
    resources: str = ""
    security: str = "spec.securityOptions"
    has_security: bool = False
    scheduling: str = "spec.schedulingOptions"
    account: str = "default"
    containers: Mapping[str, str] = field(default_factory=dict)
    amounts: Mapping[str, frozenset[str]] = field(default_factory=dict)
    is_deletion: bool = False


def is_denied_by_policy(message: str) -> bool:
    """Return whether an admission webhook or a ValidatingAdmissionPolicy refused an object.

    Args:
        message: the message of the API server.
    """
    return bool(_DENIED.search(message) or _POLICY.search(message))


def violates_limit_range(message: str) -> bool:
    """Return whether a LimitRange refused an object.

    Args:
        message: the message of the API server.
    """
    return bool(_LIMIT.search(message) or _RATIO.search(message))


def remedy_for(message: str, refused: RefusedObject) -> str | None:
    """Return one sentence that says what to change, and on which object.

    Args:
        message: the message of the API server.
        refused: what it refused.

    Returns:
        None if the message is not that of a known part of admission.
    """
    for pattern, remedy in _RULES:
        if match := pattern.search(message):
            return remedy(match, refused)
    return None


def _quota(match: re.Match[str], refused: RefusedObject) -> str:
    """The hard limits that are exceeded are the resources that the answer lists as requested."""
    exceeded = list(dict.fromkeys(part.partition("=")[0] for part in match["requested"].strip(",").split(",")))
    names = " and ".join(exceeded)
    raised = f"Raise {names} in spec.hard of ResourceQuota {refused.namespace}/{match['quota']}"
    if refused.resources and any(_STORAGE.search(name) or _COMPUTE.fullmatch(name) for name in exceeded):
        if "persistentvolumeclaims" in exceeded:
            return f"{raised}, or delete PersistentVolumeClaims of the namespace that are not needed"
        return f"{raised}, or lower {refused.resources}"
    if any(_SERVICES.fullmatch(name) for name in exceeded):
        return f"{raised}, or set another serviceType in spec.serviceOptions"
    return f"{raised}, or delete objects of the namespace that are not needed"


def _unset(match: re.Match[str], refused: RefusedObject) -> str:
    """A quota of a resource wants each container to set it."""
    lacking = [each.partition(" for: ") for each in match["what"].split(";")]
    resources = " and ".join(name.strip() for name, _, _ in lacking)
    containers = {name.strip() for _, _, names in lacking for name in names.split(",")}
    fields = [path for name, path in refused.containers.items() if name in containers]
    default = f"create a LimitRange in namespace {refused.namespace} with a default for it"
    if not fields:
        return _capitalized(default)
    return f"Set {resources} in {' and '.join(fields)}, or {default}"


def _unscoped(match: re.Match[str], refused: RefusedObject) -> str:
    return f"Create a ResourceQuota with this scope in namespace {refused.namespace}, as the cluster requires"


def _unknown_usage(match: re.Match[str], refused: RefusedObject) -> str:
    quota = f"ResourceQuota {refused.namespace}/{match['quota']}"
    return f"Creation is tried again; if this lasts, check why status.used of {quota} is empty"


def _limit_range(match: re.Match[str], refused: RefusedObject) -> str:
    """The answer has one clause for each limit that is not kept."""
    changes, limits = [], []
    for each in match.re.finditer(match.string):
        bound, resource, kind = each["bound"].rstrip(".,"), each["resource"], each["kind"]
        verb, key, direction = ("lower", "max", "less") if each["side"] == "maximum" else ("raise", "min", "more")
        together = " for all containers together" if kind == "Pod" else ""
        changes.append(f"{verb} {resource} in {_fields(each['amount'], refused)} to {bound} or {direction}{together}")
        limits.append(f"{key}.{resource}")
    change = " and ".join(dict.fromkeys(changes))
    limit = " and ".join(dict.fromkeys(limits))
    change_limit = f"change {limit} of type {match['kind']} in the LimitRange of namespace {refused.namespace}"
    return f"{_capitalized(change)}, or {change_limit}"


def _ratio(match: re.Match[str], refused: RefusedObject) -> str:
    resource, bound = match["resource"], match["bound"].rstrip(".,")
    change = f"Set the limit of {resource} in {refused.resources or 'the spec'} to at most {bound} times its request"
    return f"{change}, or raise maxLimitRequestRatio.{resource} in the LimitRange of namespace {refused.namespace}"


def _fields(amount: str | None, refused: RefusedObject) -> str:
    """The fields of the containers that have the quoted amount; all of them if none has."""
    fields = [path for path, amounts in refused.amounts.items() if amount in amounts]
    return " and ".join(fields) or refused.resources or "the spec"


def _pod_security(match: re.Match[str], refused: RefusedObject) -> str:
    level = _PREDEFINED.get(match["level"], "privileged")
    label = f"set the label pod-security.kubernetes.io/enforce={level} on namespace {refused.namespace}"
    if refused.has_security:
        return f"Correct the named settings in {refused.security}, or {label}"
    added = f"{refused.security} is not set, so a webhook of the cluster adds these settings"
    return f"{added}. Correct that webhook, or {label}"


def _constraint(match: re.Match[str], refused: RefusedObject) -> str:
    grant = f"oc adm policy add-scc-to-user NAME -z {refused.account} -n {refused.namespace}"
    allowed = f"allow it with {grant}"
    if refused.has_security:
        return f"Correct the named settings in {refused.security}, or {allowed}"
    return _capitalized(allowed)


def _denied(match: re.Match[str], refused: RefusedObject) -> str:
    webhook, namespace = match["webhook"], refused.namespace
    if _KYVERNO in webhook:
        return _change_or("the Kyverno policy", f"add a PolicyException for namespace {namespace}", refused)
    if _GATEKEEPER in webhook:
        where = "spec.match.excludedNamespaces of the constraint in brackets"
        return _change_or("the constraint", f"add {namespace} to {where}", refused)
    where = f"the webhook configuration that contains {webhook}"
    return _change_or("the webhook", f"exempt namespace {namespace} in {where}", refused)


def _not_answered(match: re.Match[str], refused: RefusedObject) -> str:
    webhook = match["webhook"]
    if "x509: " in match.string:
        return (
            f"Renew the certificate of webhook {webhook} or the caBundle in its configuration, and check the clocks of "
            "the machines if the certificate is not yet valid"
        )
    return (
        f"Start the program behind webhook {webhook}, or delete its webhook configuration if it is no longer installed"
    )


def _policy(match: re.Match[str], refused: RefusedObject) -> str:
    binding = f"ValidatingAdmissionPolicyBinding {match['binding']}" if match["binding"] else "its binding"
    where = f"exclude namespace {refused.namespace} in spec.matchResources of {binding}"
    return _change_or("the policy", where, refused)


def _change_or(refuser: str, exception: str, refused: RefusedObject) -> str:
    if refused.is_deletion:
        return _capitalized(exception)
    if refused.containers:  # the images of pods are not in the spec
        return f"Change what {refuser} refuses, in the spec or in RELATED_IMAGE_… of the operator, or {exception}"
    return f"Change in the spec what {refuser} refuses, or {exception}"


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]


def _priority_class(match: re.Match[str], refused: RefusedObject) -> str:
    return f"Create PriorityClass {match['name']}, or correct the policy of the cluster that sets it"


def _node_selector(match: re.Match[str], refused: RefusedObject) -> str:
    keys = "openshift.io/node-selector or scheduler.alpha.kubernetes.io/node-selector"
    return f"Correct {refused.scheduling}.nodeSelector, or the annotation {keys} of namespace {refused.namespace}"


def _terminating(match: re.Match[str], refused: RefusedObject) -> str:
    return f"Nothing can be created in namespace {match['namespace']} until it is deleted: use another one"


def _runtime_class(match: re.Match[str], refused: RefusedObject) -> str:
    return f"Create RuntimeClass {match['name']}, or correct the policy of the cluster that sets it"


def _etcd_full(match: re.Match[str], refused: RefusedObject) -> str:
    return "Compact and defragment etcd, then disarm its alarm; the operator tries again by itself"


def _addresses_used(match: re.Match[str], refused: RefusedObject) -> str:
    return "Delete unused Services of the cluster, or add a ServiceCIDR; the operator tries again by itself"


def _service_account(match: re.Match[str], refused: RefusedObject) -> str:
    return "The operator creates the ServiceAccount again; if it cannot, the condition Reconciled has the cause"


def _permissions(match: re.Match[str], refused: RefusedObject) -> str:
    return "Apply the roles of the operator again (manifests/), or install the operator again with OLM"


_RULES = (
    # Webhooks and policies first: their texts are free and may contain words of the others.
    (_NOT_ANSWERED, _not_answered),
    (_DENIED, _denied),
    (_POLICY, _policy),
    (_EXCEEDED, _quota),
    (_UNSET, _unset),
    (_UNSCOPED, _unscoped),
    (_UNKNOWN_USAGE, _unknown_usage),
    (_LIMIT, _limit_range),
    (_RATIO, _ratio),
    (_POD_SECURITY, _pod_security),
    (_CONSTRAINT, _constraint),
    (_PRIORITY_CLASS, _priority_class),
    (_NODE_SELECTOR, _node_selector),
    (_RUNTIME_CLASS, _runtime_class),
    (_TERMINATING, _terminating),
    (_ETCD_FULL, _etcd_full),
    (_ADDRESSES_USED, _addresses_used),
    (_ACCOUNT, _service_account),
    (_PERMISSIONS, _permissions),
)
"""Pattern in the answer, and what says what to do. The first pattern that occurs decides."""
