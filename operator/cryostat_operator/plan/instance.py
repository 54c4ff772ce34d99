"""One Cryostat with its snapshot, and values derived from both that several components need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ..api import constants
from ..api.v1beta2 import Cryostat, CryostatSpec
from ..images import Image
from ..settings import Settings
from . import reviewed_namespaces
from .model.kinds import InstanceKey, Key, Obj
from .model.managed_fields import operator_fields
from .model.snapshot import Snapshot

TlsIssuer = Literal["off", "cert-manager", "built-in"]
"""The issuer of the certificates for TLS between the components; `off` without TLS."""

DEFAULT_FS_GROUP = 18500  # as of the Go operator


@dataclass(frozen=True)
class Instance:
    """One Cryostat with its snapshot and the settings: all that its objects are computed from."""

    cryostat: Cryostat
    snapshot: Snapshot
    settings: Settings

    @cached_property
    def name(self) -> str:
        return str(self.cryostat.metadata["name"])

    @cached_property
    def namespace(self) -> str:
        """Namespace of the Cryostat: the install namespace."""
        return str(self.cryostat.metadata["namespace"])

    @property
    def key(self) -> InstanceKey:
        return InstanceKey(self.namespace, self.name)

    @cached_property
    def spec(self) -> CryostatSpec:
        return self.cryostat.spec

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.cryostat.metadata.get("annotations") or {}

    @property
    def hibernation_requested(self) -> bool:
        """Whether the annotation requests that every Deployment is scaled to 0."""
        return self.cryostat.hibernation_requested

    @property
    def openshift(self) -> bool:
        """Whether the cluster is treated as OpenShift."""
        return self.snapshot.openshift

    @property
    def openshift_login(self) -> bool:
        """Whether users log in with their OpenShift account, which requires the OAuth server of the cluster.

        Without `Authentication/cluster` there is no such server. If it is not known whether this object exists, for
        example because a user may not read it, the server is assumed.
        """
        cluster = self.snapshot
        has_server = not cluster.authentication_missing and cluster.authentication_type in ("", "IntegratedOAuth")
        return self.openshift and has_server

    @cached_property
    def tls_issuer(self) -> TlsIssuer:
        """The issuer of certificates: that of the spec, or cert-manager if it is installed, or the operator."""
        enabled = self.spec.enable_cert_manager
        if enabled is None and self.settings.service_tls:
            return "cert-manager" if self.cert_manager_served else "built-in"
        return "cert-manager" if enabled else "off"

    @property
    def cert_manager_served(self) -> bool:
        """Whether the API server serves the kinds of cert-manager that TLS needs."""
        return self.snapshot.serves("Issuer") and self.snapshot.serves("Certificate")

    @property
    def tls(self) -> bool:
        """Whether the components use TLS between each other."""
        return self.tls_issuer != "off"

    @property
    def scheme(self) -> str:
        """Scheme of the URLs of components."""
        return "https" if self.tls else "http"

    @cached_property
    def target_namespaces(self) -> tuple[str, ...]:
        """Namespaces to discover targets in, in the order of the spec, each once; by default its own namespace."""
        return tuple(dict.fromkeys(self.spec.target_namespaces or [self.namespace]))

    @cached_property
    def recreated_targets(self) -> frozenset[str]:
        """Target namespaces that were created again since their review: the instance has no access to them."""
        return frozenset(reviewed_namespaces.recreated(self.cryostat, self.target_namespaces, self.snapshot))

    @cached_property
    def reachable_targets(self) -> tuple[str, ...]:
        """Target namespaces in which objects are created: served, existing, not being deleted and not created again."""
        known, excluded = self.snapshot.namespaces, self.recreated_targets | self.snapshot.not_served
        existing = (t for t in self.target_namespaces if t in known and not known[t].terminating)
        return tuple(t for t in existing if t not in excluded)

    @property
    def external_storage(self) -> bool:
        """Whether objects are stored with an external S3 provider instead of the managed storage."""
        options = self.spec.object_storage_options
        return bool(options and options.provider and options.provider.url)

    @property
    def report_replicas(self) -> int:
        """Number of report generators; with 0 the application generates the reports."""
        options = self.spec.report_options
        return (options.replicas or 0) if options else 0

    @property
    def user_storage_secret(self) -> str | None:
        """Secret that the user names for the object storage."""
        options = self.spec.object_storage_options
        return (options.secret_name if options else None) or None

    @property
    def storage_secret(self) -> str:
        """Secret with the S3 credentials, for both sides of the connection."""
        return self.user_storage_secret or f"{self.name}-storage"

    @property
    def generated_database_secret(self) -> str:
        """Name of the Secret that the operator generates for the database."""
        return f"{self.name}-db"

    @property
    def user_database_secret(self) -> str | None:
        """Secret that the user names for the database; it may have the name of the generated one."""
        options = self.spec.database_options
        return (options.secret_name if options else None) or None

    @property
    def requested_database_secret(self) -> str:
        """Secret for the database according to the spec; see `names_other_database_secret`."""
        return self.user_database_secret or self.generated_database_secret

    @property
    def names_other_database_secret(self) -> bool:
        """Whether the spec names other keys than those that the existing database was encrypted with."""
        return self.recorded_database_secret not in (None, self.requested_database_secret)

    @property
    def database_secret(self) -> str:
        """Secret with the database keys: the recorded one while its database exists, otherwise the requested one."""
        return self.recorded_database_secret or self.requested_database_secret

    @cached_property
    def recorded_database_secret(self) -> str | None:
        """Secret that an existing database was set up with; None if there is no database or no record.

        It is recorded on the claim and in the status. A record on the claim that another client wrote counts only if
        the status has none, for example after a restore from a backup.
        """
        claim = self.live("PersistentVolumeClaim", f"{self.name}-database")
        if claim is None:
            return None
        status = self.cryostat.status.database_secret if self.cryostat.status else None
        key = constants.LABEL_DATABASE_SECRET
        found = {field: (claim["metadata"].get(field) or {}).get(key) for field in ("labels", "annotations")}
        own = [value for field, value in found.items() if value and key in operator_fields(claim, (), field)]
        return next(iter(own), None) or status or found["labels"] or found["annotations"]

    @property
    def basic_auth(self) -> tuple[str, str] | None:
        """Secret and key of the user's htpasswd file; None unless the spec names both."""
        options = self.spec.authorization_options.basic_auth if self.spec.authorization_options else None
        if options and options.secret_name and options.filename:
            return options.secret_name, options.filename
        return None

    @property
    def open_access(self) -> bool:
        """Whether the application needs no login: only if the spec disables it and names no htpasswd file."""
        options = self.spec.authorization_options
        disabled = bool(options and options.open_shift_sso and options.open_shift_sso.disable)
        return disabled and not (options and options.basic_auth)

    @property
    def generated_login_secret(self) -> str | None:
        """Secret with the generated login; None with SSO, an htpasswd file, or without login."""
        generated = not (self.openshift_login or self.open_access or self.basic_auth)
        return f"{self.name}-basic-auth" if generated else None

    @property
    def login_secret(self) -> str | None:
        """Secret with the htpasswd file: the user's or the generated one, None where no password is accepted."""
        return self.basic_auth[0] if self.basic_auth else self.generated_login_secret

    @cached_property
    def fs_group(self) -> int:
        """Group of the volumes: from the namespace's supplemental groups on OpenShift, else a fixed one."""
        own = self.snapshot.namespaces.get(self.namespace)
        groups = own.annotations.get(constants.ANNOTATION_SUPPLEMENTAL_GROUPS, "") if own and self.openshift else ""
        leading = groups.split("/")[0].split("-")[0].split(",")[0]
        return int(leading) if leading.isdecimal() else DEFAULT_FS_GROUP

    def image(self, name: str) -> Image:
        """Return the image of a component, by its name in `IMAGES`."""
        return self.settings.images[name]

    def service_host(self, service: str) -> str:
        """Return the full DNS name of a Service in the install namespace."""
        return f"{service}.{self.namespace}.svc.{self.settings.cluster_domain}"

    def live(self, kind: str, name: str) -> Obj | None:
        """Return the live object of this kind and name in the install namespace; None if there is no owned one."""
        return self.snapshot.live.get(Key(kind, self.namespace, name))

    @property
    def ownership_labels(self) -> dict[str, str]:
        """Labels that name the Cryostat of an object."""
        return {constants.LABEL_NAME: self.name, constants.LABEL_NAMESPACE: self.namespace}

    @property
    def owner_reference(self) -> Obj:
        """Controller reference for objects in the install namespace."""
        reference: dict[str, Any] = {"apiVersion": constants.API_VERSION, "kind": constants.KIND, "name": self.name}
        return reference | {
            "uid": self.cryostat.metadata.get("uid", ""),
            "controller": True,
            "blockOwnerDeletion": True,
        }
