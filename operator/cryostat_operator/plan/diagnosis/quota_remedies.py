"""Finds what to change after a ResourceQuota or a LimitRange refused an object.

The texts are from k8s.io/apiserver/pkg/admission/plugin/resourcequota, and from plugin/pkg/admission/limitranger of
Kubernetes.
"""

from __future__ import annotations

import re

from ..model.messages import capitalized, enumeration
from ..model.refused_object import RefusedObject

_EXCEEDED = re.compile(r"exceeded quota: (?P<quota>[^,\s]+), requested: (?P<requested>[^ ]+=[^ ]+)")
_UNSET = re.compile(r"failed quota: (?P<quota>[^:\s]+): must specify (?P<what>.+)")
_UNSCOPED = re.compile(r"insufficient quota to match these scopes")
_UNKNOWN_USAGE = re.compile(r"status unknown for quota: (?P<quota>[^,\s]+)")
_LIMIT = re.compile(
    r"(?P<side>maximum|minimum) (?P<resource>[\w./-]+) usage per (?P<kind>\w+) is (?P<bound>\S+)"
    r"(?: but (?:limit|request) is (?P<amount>[\w.]+))?"
)
_RATIO = re.compile(r"(?P<resource>[\w./-]{0,63}) max limit to request ratio per \w+ is (?P<bound>\S+)")
_STORAGE = re.compile(r"storage|persistentvolumeclaims")
_COMPUTE = re.compile(r"(requests\.|limits\.)?(cpu|memory|ephemeral-storage)")
_SERVICES = re.compile(r"services\.(loadbalancers|nodeports)")


def violates_limit_range(message: str) -> bool:
    """Return whether a LimitRange refused an object.

    Args:
        message: the message of the API server.
    """
    return bool(_LIMIT.search(message) or _RATIO.search(message))


def _quota(match: re.Match[str], refused: RefusedObject) -> str:
    """Remedy for an exceeded quota: the answer lists the resources whose hard limits are exceeded as requested."""
    exceeded = list(dict.fromkeys(part.partition("=")[0] for part in match["requested"].strip(",").split(",")))
    names = enumeration(exceeded)
    raised = f"Raise {names} in spec.hard of ResourceQuota {refused.namespace}/{match['quota']}"
    if refused.resources and any(_STORAGE.search(name) or _COMPUTE.fullmatch(name) for name in exceeded):
        if "persistentvolumeclaims" in exceeded:
            return f"{raised}, or delete PersistentVolumeClaims of the namespace that are not needed"
        return f"{raised}, or lower {refused.resources}"
    if any(_SERVICES.fullmatch(name) for name in exceeded):
        return f"{raised}, or set another serviceType in spec.serviceOptions"
    return f"{raised}, or delete objects of the namespace that are not needed"


def _unset(match: re.Match[str], refused: RefusedObject) -> str:
    """Remedy for containers without a resource that a quota limits, and that each container must therefore set."""
    lacking = [each.partition(" for: ") for each in match["what"].split(";")]
    resources = enumeration([name.strip() for name, _, _ in lacking])
    containers = {name.strip() for _, _, names in lacking for name in names.split(",")}
    fields = [path for name, path in refused.containers.items() if name in containers]
    default = f"create a LimitRange in namespace {refused.namespace} with a default for it"
    if not fields:
        return capitalized(default)
    return f"Set {resources} in {enumeration(fields)}, or {default}"


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
    change = enumeration(list(dict.fromkeys(changes)))
    limit = enumeration(list(dict.fromkeys(limits)))
    change_limit = f"change {limit} of type {match['kind']} in the LimitRange of namespace {refused.namespace}"
    return f"{capitalized(change)}, or {change_limit}"


def _ratio(match: re.Match[str], refused: RefusedObject) -> str:
    resource, bound = match["resource"], match["bound"].rstrip(".,")
    change = f"Set the limit of {resource} in {refused.resources or 'the spec'} to at most {bound} times its request"
    return f"{change}, or raise maxLimitRequestRatio.{resource} in the LimitRange of namespace {refused.namespace}"


def _fields(amount: str | None, refused: RefusedObject) -> str:
    """The fields of the containers that have the quoted amount; all of them if none has."""
    fields = [path for path, amounts in refused.amounts.items() if amount in amounts]
    return enumeration(fields) or refused.resources or "the spec"


RULES = (
    (_EXCEEDED, _quota),
    (_UNSET, _unset),
    (_UNSCOPED, _unscoped),
    (_UNKNOWN_USAGE, _unknown_usage),
    (_LIMIT, _limit_range),
    (_RATIO, _ratio),
)
"""Pattern in the answer, and the function that returns the remedy."""
