"""The kinds of objects that an instance consists of: identity, table of kinds, URL paths."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

Obj = dict[str, Any]
"""One Kubernetes object in the shape of its JSON."""


PARTIAL = "cryostat-operator/partial"
"""Field of a cached object that has only the metadata that decides about ownership and deletion."""


class Key(NamedTuple):
    """Identity of an object in the cluster; `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def key_of(obj: Obj) -> Key:
    metadata = obj["metadata"]
    return Key(obj["kind"], metadata.get("namespace") or "", metadata["name"])


def spec_hash_of(obj: Obj) -> bytes:
    """Return a hash of a desired object."""
    return hashlib.blake2b(orjson.dumps(obj), digest_size=16).digest()


_ALL = ("get", "list", "watch", "create", "update", "delete")


@dataclass(frozen=True)
class Kind:
    """One kind of object that the operator makes.

    Attributes:
        kind, group, version, plural: how the API server calls it.
        namespaced: whether its objects live in a namespace.
        immutable: dotted paths that an update cannot change; a difference there means delete and create again.
        retained: never deleted by pruning (it holds data).
        optional: the API may be missing from a cluster; nothing fails then.
        verbs: what the operator's ClusterRole grants.
        extra_rules: further (resource, verbs) of the same group.
    """

    kind: str
    group: str
    version: str
    plural: str
    namespaced: bool = True
    immutable: tuple[str, ...] = ()
    retained: bool = False
    optional: bool = False
    verbs: tuple[str, ...] = _ALL
    extra_rules: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


_KINDS = (
    Kind("ServiceAccount", "", "v1", "serviceaccounts"),
    # Patches are for the heads of Secrets whose values somebody else writes.
    Kind("Secret", "", "v1", "secrets", immutable=("type",), verbs=(*_ALL, "patch")),
    Kind("ConfigMap", "", "v1", "configmaps"),
    # Never deleted by us, garbage collection takes claims along with their Cryostat; but where admission guards owner
    # references, as on OpenShift, they can only be changed by who might delete, and retained claims lose theirs.
    Kind("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims", retained=True),
    Kind("Service", "", "v1", "services"),
    Kind("NetworkPolicy", "networking.k8s.io", "v1", "networkpolicies"),
    Kind("Ingress", "networking.k8s.io", "v1", "ingresses"),
    Kind(
        "Route",
        "route.openshift.io",
        "v1",
        "routes",
        optional=True,
        extra_rules=(("routes/custom-host", ("create", "update")),),
    ),
    # Never wished for: releases before 3.0 made one per instance, and it is cleared away when one is taken over.
    Kind("Role", "rbac.authorization.k8s.io", "v1", "roles", verbs=("get", "list", "watch", "update", "delete")),
    Kind("RoleBinding", "rbac.authorization.k8s.io", "v1", "rolebindings", immutable=("roleRef",)),
    Kind(
        "ClusterRoleBinding",
        "rbac.authorization.k8s.io",
        "v1",
        "clusterrolebindings",
        namespaced=False,
        immutable=("roleRef",),
    ),
    Kind("ConsoleLink", "console.openshift.io", "v1", "consolelinks", namespaced=False, optional=True),
    Kind("Issuer", "cert-manager.io", "v1", "issuers", optional=True),
    Kind("Certificate", "cert-manager.io", "v1", "certificates", optional=True),
    Kind("Deployment", "apps", "v1", "deployments", immutable=("spec.selector",)),
)


KINDS: Mapping[str, Kind] = {kind.kind: kind for kind in _KINDS}


class InstanceKey(NamedTuple):
    """The Cryostat that something belongs to."""

    namespace: str
    name: str


FIELD_MANAGER = "cryostat-operator"


def path_of(key: Key) -> str:
    """URL path of one object of `KINDS`."""
    return f"{collection_path(key.kind, key.namespace)}/{key.name}"


def collection_path(kind: str, namespace: str = "") -> str:
    """URL path of all objects of a kind, in one namespace or everywhere."""
    known = KINDS[kind]
    return resource_path(known.group, known.version, known.plural, namespace)


def resource_path(group: str, version: str, plural: str, namespace: str = "", name: str = "") -> str:
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{plural}" + (f"/{name}" if name else "")
