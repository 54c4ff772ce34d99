"""Finds what to change after the API server refused an object.

The API server reports no structured cause for these refusals, so its texts decide. Those of admission are in
`policy_remedies` and `quota_remedies`.
"""

from __future__ import annotations

import re

from ..model.refused_object import RefusedObject
from . import policy_remedies, quota_remedies

MISSING_PERMISSION = "Apply the roles of the operator again (manifests/), or install the operator again with OLM"

_PRIORITY_CLASS = re.compile(r"no PriorityClass with name (?P<name>\S+) was found")
_NODE_SELECTOR = re.compile(r"node label selector conflicts with its namespace")
_TOLERATIONS = re.compile(r"pod tolerations .*conflict with its namespace whitelist")
_ACCOUNT = re.compile(r"error looking up service account")
_PERMISSIONS = re.compile(
    r'User "[^"]+" cannot \w+ resource|attempting to grant RBAC permissions|blockOwnerDeletion'
    r'|clusterroles\.rbac\.authorization\.k8s\.io "[^"]+" not found'
)
_TERMINATING = re.compile(r"in namespace (?P<namespace>\S+) because it is being terminated")
_RUNTIME_CLASS = re.compile(r'RuntimeClass "(?P<name>[^"]+)" not found')
_ETCD_FULL = re.compile(r"etcdserver: mvcc: database space exceeded")
_NODE_PORTS_USED = re.compile(r"failed to allocate a nodePort: range is full")
_IMMUTABLE = re.compile(r"field is immutable when `immutable` is set")
_ADDRESSES_USED = re.compile(r"failed to allocate a serviceIP")


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


def _priority_class(match: re.Match[str], refused: RefusedObject) -> str:
    return f"Create PriorityClass {match['name']}, or correct the policy of the cluster that sets it"


def _node_selector(match: re.Match[str], refused: RefusedObject) -> str:
    keys = "openshift.io/node-selector or scheduler.alpha.kubernetes.io/node-selector"
    return f"Correct {refused.scheduling}.nodeSelector, or the annotation {keys} of namespace {refused.namespace}"


def _tolerations(match: re.Match[str], refused: RefusedObject) -> str:
    key = "scheduler.alpha.kubernetes.io/tolerationsWhitelist"
    return f"Correct {refused.scheduling}.tolerations, or the annotation {key} of namespace {refused.namespace}"


def _terminating(match: re.Match[str], refused: RefusedObject) -> str:
    return f"Nothing can be created in namespace {match['namespace']} until it is deleted: use another one"


def _runtime_class(match: re.Match[str], refused: RefusedObject) -> str:
    return f"Create RuntimeClass {match['name']}, or correct the policy of the cluster that sets it"


def _etcd_full(match: re.Match[str], refused: RefusedObject) -> str:
    return "Compact and defragment etcd, then disarm its alarm; the operator tries again by itself"


def _addresses_used(match: re.Match[str], refused: RefusedObject) -> str:
    return "Delete unused Services of the cluster, or add a ServiceCIDR; the operator tries again by itself"


def _node_ports_used(match: re.Match[str], refused: RefusedObject) -> str:
    return "Delete unused Services with node ports, or set another serviceType in spec.serviceOptions"


def _immutable(match: re.Match[str], refused: RefusedObject) -> str:
    return "Save the object, delete it and create it again without `immutable`: the operator can update it then"


def _service_account(match: re.Match[str], refused: RefusedObject) -> str:
    return "The operator creates the ServiceAccount again; if it cannot, the condition Reconciled has the cause"


def _permissions(match: re.Match[str], refused: RefusedObject) -> str:
    return MISSING_PERMISSION


_RULES = (
    *policy_remedies.WEBHOOK_RULES,
    *quota_remedies.RULES,
    *policy_remedies.POD_RULES,
    (_PRIORITY_CLASS, _priority_class),
    (_NODE_SELECTOR, _node_selector),
    (_TOLERATIONS, _tolerations),
    (_RUNTIME_CLASS, _runtime_class),
    (_TERMINATING, _terminating),
    (_ETCD_FULL, _etcd_full),
    (_ADDRESSES_USED, _addresses_used),
    (_NODE_PORTS_USED, _node_ports_used),
    (_IMMUTABLE, _immutable),
    (_ACCOUNT, _service_account),
    (_PERMISSIONS, _permissions),
)
"""Pattern in the answer, and the function that returns the remedy. The first pattern that occurs decides."""
