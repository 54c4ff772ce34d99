"""The kinds of objects that an instance consists of: identity, table of kinds, URL paths."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from ...api import constants

Obj = dict[str, Any]
"""One Kubernetes object in the shape of its JSON."""

PARTIAL = "cryostat-operator/partial"
"""Field of a cached object that has only the metadata that decides about ownership and deletion."""

FIELD_MANAGER = "cryostat-operator"
_ALL_VERBS = ("get", "list", "watch", "create", "update", "delete")


class Key(NamedTuple):
    """Identity of an object in the cluster; `namespace` is empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


def key_of(obj: Obj, kind: str = "") -> Key:
    """Return the identity of an object; `kind` is needed for an object from a list, which does not contain it."""
    metadata = obj["metadata"]
    return Key(kind or obj["kind"], metadata.get("namespace") or "", metadata["name"])


def spec_hash_of(obj: Obj) -> bytes:
    """Return a hash of a desired object. It depends on the order of keys, which is the same in each plan."""
    return hashlib.blake2b(orjson.dumps(obj), digest_size=16).digest()


@dataclass(frozen=True)
class Kind:
    """A kind of object that the operator creates.

    Attributes:
        kind, group, version, plural: its names in the API.
        namespaced: whether its objects live in a namespace.
        immutable: dotted paths that an update cannot change; the object is deleted and created again instead.
        retained: whether pruning never deletes it, because it holds data.
        optional: whether a cluster may not serve it; objects of the kind are left out then.
        on_demand: whether it is watched only from the first Cryostat on that asks for an object of it.
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
    on_demand: bool = False
    verbs: tuple[str, ...] = _ALL_VERBS
    extra_rules: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


_KINDS = (
    Kind("ServiceAccount", "", "v1", "serviceaccounts"),
    # Patches change the metadata of Secrets whose values another controller writes.
    Kind("Secret", "", "v1", "secrets", immutable=("type",), verbs=(*_ALL_VERBS, "patch")),
    Kind("ConfigMap", "", "v1", "configmaps"),
    # The operator never deletes claims; garbage collection does. It needs the permission to delete nevertheless: with
    # the admission plugin OwnerReferencesPermissionEnforcement, as on OpenShift, only users who may delete an object
    # may change its owner references, and retained claims lose theirs.
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
    # Never desired. Releases of the Go operator before 2.3 created one per instance, which is pruned after adoption.
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
    Kind("CronJob", "batch", "v1", "cronjobs", on_demand=True),
)


KINDS: Mapping[str, Kind] = {kind.kind: kind for kind in _KINDS}


class InstanceKey(NamedTuple):
    """Namespace and name of a Cryostat; identifies its instance."""

    namespace: str
    name: str


def cryostat_path(namespace: str = "", name: str = "") -> str:
    """Return the URL path of a Cryostat or, without `name`, of all of a namespace or everywhere."""
    return resource_path(constants.GROUP, constants.VERSION, constants.PLURAL, namespace, name)


def path_of(key: Key) -> str:
    """Return the URL path of one object of `KINDS`."""
    return f"{collection_path(key.kind, key.namespace)}/{key.name}"


def collection_path(kind: str, namespace: str = "") -> str:
    """Return the URL path of all objects of a kind, in one namespace or everywhere."""
    known = KINDS[kind]
    return resource_path(known.group, known.version, known.plural, namespace)


def resource_path(group: str, version: str, plural: str, namespace: str = "", name: str = "") -> str:
    """Return the path of a collection or, with `name`, of an object.

    Args:
        namespace: empty for kinds without namespaces, and for the objects of all namespaces.
    """
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{scope}/{plural}" + (f"/{name}" if name else "")
