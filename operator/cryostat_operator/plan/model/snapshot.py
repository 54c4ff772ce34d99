"""The observed state that a plan is computed from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .certificates import CertificateInfo
from .kinds import Key, Obj


@dataclass(frozen=True)
class ContentSummary:
    """An existing Secret or ConfigMap, without its content.

    Attributes:
        keys: names of its keys with a value; empty if it `has_too_many_keys`.
        empty: names of the keys of a Secret without a value.
        login_flaws: why the value of a key in a user's Secret is no valid htpasswd file, by key: the cause, and whether
            the proxy does not start with it, see `login_file.LoginFlaw`.
        white_space: what is wrong with the beginning or end of values of a user's Secret, by key, see
            `white_space.find_white_space`.
        certificate_keys: keys of a user's Secret whose values are certificates; None if this was not determined.
        digest: hash of its content.
        certificate: cert-manager's Certificate that a Secret was written for; empty if there is none, None if this was
            not determined.
        fingerprints: hash of each database key in a Secret, see `database_keys.fingerprints`.
        has_too_many_keys: whether it has more keys than are remembered. It counts as having every key then.
    """

    keys: frozenset[str]
    digest: str
    certificate: str | None = None
    fingerprints: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    empty: frozenset[str] = frozenset()
    login_flaws: Mapping[str, tuple[str, bool]] = field(default_factory=dict, hash=False)
    white_space: Mapping[str, str] = field(default_factory=dict, hash=False)
    certificate_keys: frozenset[str] | None = None
    has_too_many_keys: bool = False

    def missing(self, keys: Iterable[str]) -> frozenset[str]:
        """Return those of these keys that it does not have."""
        return frozenset() if self.has_too_many_keys else frozenset(keys) - self.keys


ReferenceData = Mapping[tuple[str, str], ContentSummary | None]
"""Summaries by kind and name of Secrets and ConfigMaps in the install namespace.

None stands for an object that does not exist; an object that was not read has no entry.
"""


@dataclass(frozen=True)
class NamespaceState:
    """An existing namespace; `uid` is empty if it is not known."""

    terminating: bool = False
    annotations: Mapping[str, str] = field(default_factory=dict)
    uid: str = ""


@dataclass(frozen=True)
class IngressClasses:
    """The IngressClasses of the cluster.

    Attributes:
        controllers: `spec.controller` of each class, by name.
        default: name of the class of Ingresses that name none; empty if there is none.
    """

    controllers: Mapping[str, str] = field(default_factory=dict, hash=False)
    default: str = ""


@dataclass(frozen=True)
class Snapshot:
    """The observed state of one instance and of the cluster around it.

    Attributes:
        openshift: whether the cluster is treated as OpenShift.
        authentication_type: `spec.type` of OpenShift's `Authentication/cluster`; empty means its own OAuth server.
        authentication_missing: whether `Authentication/cluster` is known not to exist: there is no OAuth server.
        ingress_classes: the IngressClasses; None means that they were not read.
        apis: kinds that the API server serves, by kind name; None means all of `KINDS`.
        namespaces: existing namespaces, by name. A target namespace without an entry does not exist.
        not_served: those of these namespaces and of the target namespaces that the operator does not serve.
        first_uids: UIDs that target namespaces had when the operator first observed them as such for this Cryostat, by
            name.
        data: content of Secrets and ConfigMaps in the install namespace, by kind and name. None: it does not exist; no
            entry: it was not read yet.
        live: objects with the ownership labels of this Cryostat, as last observed.
        in_sync: spec hashes (see `Plan.spec_hashes`) of desired objects that the live objects were found to match.
        terminating: objects of an earlier Cryostat of the same name, which are being garbage-collected.
        stopping: component labels of the Deployments that are scaled to 0 and have pods that have not ended.
        api_server: addresses of the API server's endpoints, sorted.
        api_server_ports: their TCP ports, sorted; empty for all ports.
        certificates: public parts of the Secrets with a certificate and the ownership labels of this Cryostat.
        ca_certificate: public certificates (PEM) of the instance's own CA; None until it is created.
    """

    openshift: bool = False
    apis: frozenset[str] | None = None
    namespaces: Mapping[str, NamespaceState] = field(default_factory=dict)
    not_served: frozenset[str] = frozenset()
    first_uids: Mapping[str, str] = field(default_factory=dict)
    data: ReferenceData = field(default_factory=dict)
    live: Mapping[Key, Obj] = field(default_factory=dict)
    api_server: tuple[str, ...] = ()
    api_server_ports: tuple[int, ...] = ()
    certificates: Mapping[Key, CertificateInfo] = field(default_factory=dict)
    ca_certificate: str | None = None
    in_sync: Mapping[Key, bytes] = field(default_factory=dict)
    terminating: frozenset[Key] = frozenset()
    stopping: frozenset[str] = frozenset()
    authentication_type: str = ""
    authentication_missing: bool = False
    ingress_classes: IngressClasses | None = None

    def serves(self, kind: str) -> bool:
        """Return whether the API server serves a kind of `KINDS`."""
        return self.apis is None or kind in self.apis
