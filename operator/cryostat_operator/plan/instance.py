"""What the components know: the Cryostat, facts about its surroundings, and answers that several of them need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ..api import constants
from ..api.v1beta2 import Cryostat, CryostatSpec
from ..settings import Image, Settings
from . import reviewed_namespaces
from .diff.managed_fields import operator_fields
from .model.kinds import Key, Obj
from .model.snapshot import Snapshot

TlsIssuer = Literal["off", "cert-manager", "built-in"]
"""Who issues the certificates with which the components talk TLS to each other; `off` where they do not."""

DEFAULT_FS_GROUP = 18500


@dataclass(frozen=True)
class Instance:
    """One Cryostat with all that is needed to draw its objects; every component takes just this."""

    cryostat: Cryostat
    snapshot: Snapshot
    settings: Settings

    @cached_property
    def name(self) -> str:
        return str(self.cryostat.metadata["name"])

    @cached_property
    def namespace(self) -> str:
        return str(self.cryostat.metadata["namespace"])

    @cached_property
    def spec(self) -> CryostatSpec:
        return self.cryostat.spec

    @property
    def annotations(self) -> Mapping[str, str]:
        return self.cryostat.metadata.get("annotations") or {}

    @property
    def openshift(self) -> bool:
        return self.snapshot.openshift

    @property
    def openshift_login(self) -> bool:
        """Whether people log in with their OpenShift account: where the cluster has an OAuth server."""
        return self.openshift and self.snapshot.authentication_type in ("", "IntegratedOAuth")

    @cached_property
    def tls_issuer(self) -> TlsIssuer:
        """Who issues certificates: as the spec says, else cert-manager where it is installed, else the operator."""
        asked = self.spec.enable_cert_manager
        if asked is None and self.settings.service_tls:
            return "cert-manager" if self.cert_manager_served else "built-in"
        return "cert-manager" if asked else "off"

    @property
    def cert_manager_served(self) -> bool:
        return self.snapshot.serves("Issuer") and self.snapshot.serves("Certificate")

    @property
    def tls(self) -> bool:
        """Whether the components talk TLS to each other."""
        return self.tls_issuer != "off"

    @property
    def scheme(self) -> str:
        return "https" if self.tls else "http"

    @cached_property
    def target_namespaces(self) -> tuple[str, ...]:
        """Namespaces to discover in, in the order of the spec, each once; its own where none is named."""
        return tuple(dict.fromkeys(self.spec.target_namespaces or [self.namespace]))

    @cached_property
    def recreated_targets(self) -> frozenset[str]:
        """Target namespaces that were created again since their review: the instance has no access to them."""
        return frozenset(reviewed_namespaces.recreated(self.cryostat, self.target_namespaces, self.snapshot.namespaces))

    @cached_property
    def reachable_targets(self) -> tuple[str, ...]:
        """Target namespaces that exist, are not being deleted and not created again: objects are created in them."""
        known, recreated = self.snapshot.namespaces, self.recreated_targets
        existing = (t for t in self.target_namespaces if t in known and not known[t].terminating)
        return tuple(t for t in existing if t not in recreated)

    @property
    def external_storage(self) -> bool:
        """Whether objects are stored with an S3 provider outside instead of the managed storage."""
        options = self.spec.object_storage_options
        return bool(options and options.provider and options.provider.url)

    @property
    def report_replicas(self) -> int:
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
        return f"{self.name}-db"

    @property
    def user_database_secret(self) -> str | None:
        """Secret that the user names for the database, even if it is the name that we would give it."""
        options = self.spec.database_options
        return (options.secret_name if options else None) or None

    @property
    def requested_database_secret(self) -> str:
        return self.user_database_secret or self.generated_database_secret

    @property
    def database_secret_locked(self) -> bool:
        """Whether the spec asks for other keys than those that the existing database was encrypted with."""
        return self.recorded_database_secret not in (None, self.requested_database_secret)

    @property
    def database_secret(self) -> str:
        """Secret with the database keys: the recorded one while its database exists, else the wanted one."""
        return self.recorded_database_secret or self.requested_database_secret

    @cached_property
    def recorded_database_secret(self) -> str | None:
        """Secret with which an existing database began: as its claim tells, which outlives a status that is lost.

        What somebody else wrote on the claim counts only where there is no status either: after a restore, say.
        """
        claim = self.live("PersistentVolumeClaim", f"{self.name}-database")
        if claim is None:
            return None
        told = (claim["metadata"].get("labels") or {}).get(constants.LABEL_DATABASE_SECRET)
        status = self.cryostat.status.database_secret if self.cryostat.status else None
        trusted = constants.LABEL_DATABASE_SECRET in operator_fields(claim, (), "labels")
        return told if told and trusted else status or told

    @property
    def basic_auth(self) -> tuple[str, str] | None:
        """Secret and key of the user's htpasswd file; half of the two is no configuration."""
        options = self.spec.authorization_options.basic_auth if self.spec.authorization_options else None
        if options and options.secret_name and options.filename:
            return options.secret_name, options.filename
        return None

    @property
    def open_access(self) -> bool:
        """Whether everybody may use the application: only on request, and never against the user's own logins."""
        options = self.spec.authorization_options
        asked = bool(options and options.open_shift_sso and options.open_shift_sso.disable)
        return asked and not (options and options.basic_auth)

    @property
    def generated_login_secret(self) -> str | None:
        """Secret with the login that the operator makes: where there is neither SSO nor a file of the user's."""
        wanted = not (self.openshift_login or self.open_access or self.basic_auth)
        return f"{self.name}-basic-auth" if wanted else None

    @cached_property
    def fs_group(self) -> int:
        """Group of the volumes: from the namespace's supplemental groups on OpenShift, else a fixed one."""
        own = self.snapshot.namespaces.get(self.namespace)
        groups = own.annotations.get(constants.ANNOTATION_SUPPLEMENTAL_GROUPS, "") if own and self.openshift else ""
        leading = groups.split("/")[0].split("-")[0].split(",")[0]
        return int(leading) if leading.isdigit() else DEFAULT_FS_GROUP

    def image(self, name: str) -> Image:
        return self.settings.images[name]

    def service_host(self, service: str) -> str:
        return f"{service}.{self.namespace}.svc.{self.settings.cluster_domain}"

    def live(self, kind: str, name: str) -> Obj | None:
        """The live object of that kind and name in the install namespace, if it is ours and exists."""
        return self.snapshot.live.get(Key(kind, self.namespace, name))

    @property
    def ownership_labels(self) -> dict[str, str]:
        """Labels that say which Cryostat an object belongs to."""
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
