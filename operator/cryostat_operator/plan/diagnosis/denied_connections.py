"""Finds NetworkPolicies of other owners that deny connections which the pods of an instance need.

A policy is evaluated only as far as it is certain: an address, a label of a namespace or a named port that is not known
counts as allowed. Policies of other APIs, such as AdminNetworkPolicy or those of Cilium, are not evaluated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...api import constants
from ..model import names
from ..model.kinds import InstanceKey, Obj
from ..model.messages import enumeration, first_parts
from .foreign_policies import selects

NAMESPACE_NAME = "kubernetes.io/metadata.name"
MAX_NAMED = 3  # policies that a message names
# Pods of a target. Others may create pods with its labels, and each is compared with each rule. A target has one pod.
MAX_TARGETS = 3
_DNS_NAMESPACES = ("kube-system", "openshift-dns")
_DNS_PORTS = (53, 5353)  # 5353 on OpenShift


class _Need(NamedTuple):
    """A connection that a component needs.

    Attributes:
        title: its target, for a message.
        ports: one of them is used.
        component: label of the target's pods; empty for DNS.
    """

    title: str
    ports: tuple[int, ...]
    component: str = ""


_DATABASE = _Need(f"the database (TCP port {names.PORT_DATABASE})", (names.PORT_DATABASE,), "database")
_STORAGE = _Need(f"the object storage (TCP port {names.PORT_STORAGE})", (names.PORT_STORAGE,), "storage")
_DNS = _Need("DNS (port 53)", _DNS_PORTS)
# Component label → what its pods connect to. Without external storage, the pods of the target exist.
_NEEDS = {"cryostat": (_DATABASE, _STORAGE, _DNS), "reports": (_STORAGE, _DNS)}


class Denial(NamedTuple):
    """Connections of a pod that NetworkPolicies deny.

    Attributes:
        policies: names of those that select the pod, or the target, and do not belong to the instance.
        direction: `egress` of the pod, or `ingress` of the target.
        target: what the pod cannot connect to.
    """

    policies: tuple[str, ...]
    direction: str
    target: str


def has_needs(component: str) -> bool:
    """Return whether pods of a component connect to others before they are ready."""
    return component in _NEEDS


def denials(instance_key: InstanceKey, pod: Obj, pods: Iterable[Obj], policies: Collection[Obj]) -> list[Denial]:
    """Return the connections that a pod needs and that policies of other owners certainly deny.

    Args:
        instance_key: the Cryostat of the pod.
        pods: all pods of the instance.
        policies: all NetworkPolicies of the namespace, with those of the instance.
    """
    found = []
    running = [each for each in pods if (each.get("status") or {}).get("phase") not in ("Succeeded", "Failed")]
    for need in _NEEDS.get(_labels(pod).get("component", ""), ()):
        targets = [each for each in running if _labels(each).get("component") == need.component]
        if len(targets) > MAX_TARGETS or (need.component and not targets):
            continue
        if denying := _denying(instance_key, policies, "Egress", pod, targets, need):
            found.append(Denial(denying, "egress", need.title))
        elif denying := _denying_ingress(instance_key, policies, pod, targets, need):
            found.append(Denial(denying, "ingress", need.title))
    return found


def sentence(found: Sequence[Denial]) -> str:
    """Return one sentence about the denials of a pod; empty without any."""
    groups: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for denial in found:
        groups.setdefault((denial.policies, denial.direction), []).append(denial.target)
    clauses = []
    for (policies, direction), targets in groups.items():
        several = len(policies) > 1
        subject = f"NetworkPolic{'ies' if several else 'y'} {first_parts(policies, MAX_NAMED)}"
        verb = "deny" if several else "denies"
        clauses.append(f"{subject} {verb} {direction} from the pod to {enumeration(targets)}")
    return ", and ".join(clauses)


def _denying_ingress(
    instance_key: InstanceKey, policies: Collection[Obj], pod: Obj, targets: Sequence[Obj], need: _Need
) -> tuple[str, ...]:
    """The policies that deny the connection at each of the targets; empty if one of these may accept it."""
    denying = [_denying(instance_key, policies, "Ingress", target, [pod], need) for target in targets]
    return tuple(sorted({name for each in denying for name in each})) if denying and all(denying) else ()


def _denying(
    instance_key: InstanceKey, policies: Collection[Obj], direction: str, own: Obj, peers: Sequence[Obj], need: _Need
) -> tuple[str, ...]:
    """The policies of other owners that select a pod, if no policy that selects it may allow the connection.

    Args:
        direction: `Egress` or `Ingress`.
        own: the pod whose policies are evaluated.
        peers: the other ends; empty for DNS.
    """
    selecting = [each for each in policies if direction in _types(each) and _selects(each, own)]
    rules = [rule for policy in selecting for rule in policy["spec"].get(direction.lower()) or ()]
    if any(_may_allow(rule, direction, instance_key.namespace, peers, need) for rule in rules):
        return ()
    return tuple(sorted(each["metadata"]["name"] for each in selecting if not _is_owned(instance_key, each)))


def _may_allow(rule: Obj, direction: str, namespace: str, peers: Sequence[Obj], need: _Need) -> bool:
    ports, allowed = rule.get("ports") or (), rule.get("to" if direction == "Egress" else "from") or ()
    port_fits = not ports or any(_may_be_port(each, need) for each in ports)
    return port_fits and (not allowed or any(_may_be_peer(each, namespace, peers) for each in allowed))


def _may_be_port(entry: Obj, need: _Need) -> bool:
    if need.component and entry.get("protocol", "TCP") != "TCP":
        return False
    first = entry.get("port")
    if not isinstance(first, int):  # all ports, or one that has a name
        return True
    return any(first <= port <= entry.get("endPort", first) for port in need.ports)


def _may_be_peer(entry: Obj, namespace: str, peers: Sequence[Obj]) -> bool:
    """Whether an entry of a rule may contain one of the peers, which are in the same namespace; without peers, DNS."""
    if "ipBlock" in entry:  # plugins differ in whether the addresses of pods and Services are in it
        return True
    selector = entry.get("namespaceSelector")
    if not peers:
        return selector is not None or namespace in _DNS_NAMESPACES
    if selector is not None and not _may_select_namespace(selector, namespace):
        return False
    return any(selects(entry.get("podSelector") or {}, _labels(peer)) for peer in peers)


def _may_select_namespace(selector: Mapping[str, Any], namespace: str) -> bool:
    """Whether a selector may select a namespace of which only the name is known."""
    labels = {key: value for key, value in (selector.get("matchLabels") or {}).items() if key == NAMESPACE_NAME}
    expressions = [each for each in selector.get("matchExpressions") or () if each.get("key") == NAMESPACE_NAME]
    return selects({"matchLabels": labels, "matchExpressions": expressions}, {NAMESPACE_NAME: namespace})


def _types(policy: Obj) -> Iterator[str]:
    yield from policy["spec"].get("policyTypes") or ("Ingress",)


def _selects(policy: Obj, pod: Obj) -> bool:
    return selects(policy["spec"].get("podSelector") or {}, _labels(pod))


def _labels(obj: Obj) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}


def _is_owned(instance_key: InstanceKey, policy: Obj) -> bool:
    labels = _labels(policy)
    return (labels.get(constants.LABEL_NAMESPACE), labels.get(constants.LABEL_NAME)) == instance_key
