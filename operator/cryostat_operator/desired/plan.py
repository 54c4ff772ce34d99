"""What a plan is made of: wished objects, secrets to mint, what is waited for — and the table of kinds that we own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import orjson

Obj = dict[str, Any]
"""One Kubernetes object in the shape of its JSON."""


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


def digest_of(wish: Obj) -> bytes:
    """What tells one wish for an object from another."""
    return hashlib.blake2b(orjson.dumps(wish), digest_size=16).digest()


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


@dataclass(frozen=True)
class Random:
    """A value to mint: so many characters of a 64-letter alphabet."""

    length: int


@dataclass(frozen=True)
class Htpasswd:
    """A value to mint: the bcrypt htpasswd line of `user` with the password minted under `password_key`."""

    user: str
    password_key: str


Mint = str | Random | Htpasswd
"""A literal value, or an order to make one."""


@dataclass(frozen=True)
class SecretOrder:
    """Keys that a Secret of ours must have; values are minted by the shell, once, and never pass through a plan.

    `restores` says that data which these keys belong to exists: a Secret that bears the name but no mark of ours is
    what somebody put back, and is taken for it.
    """

    key: Key
    values: Mapping[str, Mint]
    restores: bool = False

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.values)


@dataclass(frozen=True)
class CertificateOrder:
    """A private key and a certificate that a Secret of ours must have, made by the shell and signed by our authority.

    Attributes:
        dns_names: all names that the certificate is valid for.
        usages: `server auth`, `client auth`, or both.
        authority: Secret of the authority that signs; None where this is the authority, which signs itself.
        rsa: whether the key is RSA with 2048 bits, else it is ECDSA on P-256.
        password: Secret and key of the password of the keystores, where there are keystores.
        password_digest: what identifies that password; other keystores are made when it changes.
    """

    key: Key
    common_name: str
    dns_names: tuple[str, ...] = ()
    usages: frozenset[str] = frozenset()
    authority: Key | None = None
    rsa: bool = False
    password: tuple[Key, str] | None = None
    password_digest: str = ""

    @property
    def keys(self) -> frozenset[str]:
        stores = ("keystore.p12", "truststore.p12") if self.password else ()
        return frozenset(("tls.crt", "tls.key", "ca.crt", *stores))

    restores = False


@dataclass(frozen=True)
class CopyOrder:
    """A Secret of ours that repeats another one; `values` tells for each key which key of the source it repeats."""

    key: Key
    source: Key
    values: Mapping[str, str]
    restores = False

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.values)


Order = SecretOrder | CertificateOrder | CopyOrder
"""Content of a Secret that the shell provides; values never pass through a plan."""


@dataclass(frozen=True)
class Reference:
    """A Secret or ConfigMap in the install namespace that a pod uses; `keys` are those that must be in it."""

    kind: str
    name: str
    keys: frozenset[str] = frozenset()
    optional: bool = False


@dataclass(frozen=True)
class Problem:
    """Something that keeps a part from being as wished: a stable CamelCase reason and a sentence that names the cause.

    `warning` decides whether a Warning event tells it too; ordinary waiting (a certificate about to be issued) is none.
    `about` tells causes apart where the message may vary.
    """

    part: str
    reason: str
    message: str
    warning: bool = True
    about: str = ""


@dataclass(frozen=True)
class Waiting:
    """An object held back by a problem: neither written nor pruned while it lasts."""

    key: Key
    problem: Problem


@dataclass(frozen=True)
class Part:
    """What one component contributes to the plan.

    `discarded` are objects that others make for us and that have become useless: deleted so that they are made anew.
    """

    name: str
    objects: tuple[Obj, ...] = ()
    orders: tuple[Order, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    problems: tuple[Problem, ...] = ()
    discarded: tuple[Key, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The wanted world of one Cryostat.

    Attributes:
        parts: the components' contributions, in the order in which they read well.
        references: Secrets and ConfigMaps that the wished pods use, sorted; the scout looks these up.
    """

    parts: tuple[Part, ...] = ()
    references: tuple[Reference, ...] = ()
    notices: tuple[Problem, ...] = field(default=())

    @cached_property
    def objects(self) -> dict[Key, Obj]:
        return {key_of(obj): obj for part in self.parts for obj in part.objects}

    @cached_property
    def digests(self) -> dict[Key, bytes]:
        return {key: digest_of(obj) for key, obj in self.objects.items()}

    @cached_property
    def orders(self) -> dict[Key, Order]:
        return {order.key: order for part in self.parts for order in part.orders}

    @cached_property
    def waiting(self) -> dict[Key, Waiting]:
        return {waiting.key: waiting for part in self.parts for waiting in part.waiting}

    @property
    def problems(self) -> list[Problem]:
        """All that is wrong or waited for, without repetition, in plan order."""
        found = [p for part in self.parts for p in (*part.problems, *(w.problem for w in part.waiting))]
        return list(dict.fromkeys(found))


def part_of(plan: Plan, key: Key) -> str:
    """The component that an object belongs to, or `core` for one that the plan does not know."""
    for part in plan.parts:
        if any(key_of(obj) == key for obj in part.objects) or any(order.key == key for order in part.orders):
            return part.name
    return "core"


def without_none(items: Iterable[Obj | None]) -> tuple[Obj, ...]:
    return tuple(item for item in items if item is not None)
