"""Computes whether NetworkPolicies allow a connection, as a network plugin that enforces them does."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryostat_operator.plan.model.kinds import Obj

NAMESPACE_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Place:
    """A pod, or an address outside of the cluster's pods if it has no namespace."""

    address: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)


def allowed(policies: Iterable[Obj], source: Place, target: Place, port: int, protocol: str = "TCP") -> bool:
    """Whether `source` can connect: its own policies allow outgoing, those of `target` incoming connections."""
    policies = list(policies)
    return _passes(policies, "Egress", source, target, port, protocol) and _passes(
        policies, "Ingress", target, source, port, protocol
    )


def _passes(policies: list[Obj], kind: str, own: Place, peer: Place, port: int, protocol: str) -> bool:
    """Without a policy for a pod everything is allowed; otherwise, one rule of one policy is enough."""
    selecting = [policy for policy in policies if kind in policy["spec"]["policyTypes"] and _selects(policy, own)]
    rules = [rule for policy in selecting for rule in policy["spec"].get(kind.lower(), ())]
    peers = "to" if kind == "Egress" else "from"
    return not selecting or any(
        _any_or_all(rule.get(peers), lambda each: _is_peer(each, peer, own.namespace))
        and _any_or_all(rule.get("ports"), lambda each: _is_port(each, port, protocol))
        for rule in rules
    )


def _any_or_all(entries: list[Obj] | None, matches: Any) -> bool:
    """A list that is missing or empty allows everything."""
    return not entries or any(matches(entry) for entry in entries)


def _selects(policy: Obj, place: Place) -> bool:
    own = policy["metadata"]["namespace"] == place.namespace
    return own and matches_labels(policy["spec"]["podSelector"], place.labels)


def _is_peer(peer: Obj, place: Place, namespace: str) -> bool:
    if "ipBlock" in peer:
        # Addresses of the other family are in no network.
        return ipaddress.ip_address(place.address) in ipaddress.ip_network(peer["ipBlock"]["cidr"])
    if not place.namespace:
        return False
    if "namespaceSelector" not in peer:
        is_in_namespace = place.namespace == namespace
    else:
        names = {NAMESPACE_NAME: place.namespace, **place.namespace_labels}
        is_in_namespace = matches_labels(peer["namespaceSelector"], names)
    return is_in_namespace and matches_labels(peer.get("podSelector", {}), place.labels)


def _is_port(entry: Obj, port: int, protocol: str) -> bool:
    return bool(entry.get("protocol", "TCP") == protocol and entry.get("port", port) == port)


def matches_labels(selector: Obj, labels: Mapping[str, str]) -> bool:
    """Whether a label selector matches; an empty one always does.

    Raises:
        NotImplementedError: the selector has an operator that the operator's policies do not use.
    """
    for expression in selector.get("matchExpressions", ()):
        if expression["operator"] != "In":
            raise NotImplementedError(expression["operator"])
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
