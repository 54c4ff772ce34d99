"""The names that the objects of one instance can have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from . import names
from .kinds import InstanceKey, Key

# Suffixes of the instance's name; the empty one stands for the name itself. A test compares them with real plans.
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "ServiceAccount": ("", "-backup"),
    "Secret": (
        "-agent-gateway",
        "-agent-tls",
        "-auth-proxy",
        "-basic-auth",
        "-database-tls",
        "-db",
        "-grafana-basic",
        "-keystore",
        "-oauth2-cookie",
        "-reports-tls",
        "-storage",
        "-storage-tls",
        "-tls",
        "-user-proxy",
    ),
    "ConfigMap": ("-agent-proxy", "-lock", "-oauth2-proxy-cfg"),
    "PersistentVolumeClaim": ("", "-database", "-storage"),
    "Service": ("", "-agent", "-database", "-reports", "-storage"),
    "NetworkPolicy": (
        "-internal-ingress",
        "-internal-egress",
        "-db-internal-ingress",
        "-db-internal-egress",
        "-reports-internal-ingress",
        "-reports-internal-egress",
        "-storage-internal-ingress",
        "-storage-internal-egress",
    ),
    "Ingress": ("",),
    "Role": ("",),  # only of the Go operator, before 2.3
    "Route": ("",),
    "RoleBinding": ("", "-backup"),
    "Issuer": ("-ca", "-self-signed"),
    "Certificate": ("", "-agent-proxy", "-ca", "-database", "-reports", "-storage"),
    "Deployment": ("", "-database", "-reports", "-storage"),
    "CronJob": ("-backup",),
}

_NAMED_BY_INSTANCE = ("RoleBinding", "ClusterRoleBinding", "ConsoleLink")
_AGENT = re.compile(r"cryostat-agent-[0-9a-f]{64}")


def can_own(instance_key: InstanceKey, key: Key) -> bool:
    """Return whether an object of this kind, namespace and name can be of this instance, also by the Go operator."""
    suffix = key.name.removeprefix(instance_key.name)
    if key.namespace == instance_key.namespace and suffix != key.name and suffix in _SUFFIXES.get(key.kind, ()):
        return True
    if key.namespace == instance_key.namespace and key.kind in ("Secret", "Certificate") and _AGENT.fullmatch(key.name):
        return True  # the certificate of the agents in any target namespace, before it is copied there
    if key.kind in _NAMED_BY_INSTANCE:
        return key.name == names.instance_hash_name(*instance_key)
    if key.kind == "Service":
        return key.name == names.agent_callback_service(*instance_key)
    if key.kind == "Secret":
        return key.name in (names.ca_secret(*instance_key), names.agent_certificate(*instance_key, key.namespace))
    return False


def possible_keys(instance_key: InstanceKey, targets: Iterable[str]) -> set[Key]:
    """Return the objects that this instance can own in some namespaces, whatever its spec is.

    Args:
        instance_key: the Cryostat.
        targets: the target namespaces.
    """
    namespace, name = instance_key
    found = {Key(kind, namespace, f"{name}{suffix}") for kind, suffixes in _SUFFIXES.items() for suffix in suffixes}
    found |= {Key(kind, "", names.instance_hash_name(*instance_key)) for kind in ("ClusterRoleBinding", "ConsoleLink")}
    found.add(Key("Secret", namespace, names.ca_secret(*instance_key)))
    for target in targets:
        agent = names.agent_certificate(*instance_key, target)
        found |= {Key("Secret", namespace, agent), Key("Certificate", namespace, agent), Key("Secret", target, agent)}
        found.add(Key("Secret", target, names.ca_secret(*instance_key)))
        found.add(Key("RoleBinding", target, names.instance_hash_name(*instance_key)))
        found.add(Key("Service", target, names.agent_callback_service(*instance_key)))
    return found
