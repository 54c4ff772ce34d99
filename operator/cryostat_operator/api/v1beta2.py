"""Models of API version v1beta2: spec, status and the whole object."""

import re
from typing import Any, ClassVar

from pydantic import Field, field_validator

from . import constants
from .application_options import (
    AgentOptions,
    AuthorizationOptions,
    CertificateSecret,
    DeclarativeCredential,
    LoggingOptions,
    TargetConnectionCacheOptions,
    TargetDiscoveryOptions,
    TemplateConfigMap,
)
from .base import DNS_LABEL, Bool, Model, NamespaceName, Rule, doc
from .limits import MAX_NAMESPACES
from .network_options import (
    NetworkOptions,
    NetworkPolicies,
    ServiceOptions,
)
from .status import CryostatStatus
from .storage_options import (
    DatabaseOptions,
    ObjectStorageOptions,
    StorageOptions,
)
from .workload_options import (
    OperandMetadata,
    ReportOptions,
    Resources,
    SchedulingConfiguration,
    SecurityOptions,
)

# The longest name made from it is that of the container `<name>-jfr-datasource`, a DNS label of at most 63 characters.
NAME_LIMIT = 48


def _one_volume_for_two(spec: "CryostatSpec") -> bool:
    storage, objects = spec.storage_options, spec.object_storage_options
    if storage is None or storage.pvc is None or not (storage.pvc.spec or {}).get("volumeName"):
        return False
    external = objects is not None and objects.provider is not None and objects.provider.url is not None
    empty_dir = storage.empty_dir is not None and storage.empty_dir.enabled is True
    return not (external or empty_dir or storage.database is not None or storage.object_storage is not None)


class CryostatSpec(Model):
    """Desired configuration of the instance. All fields are optional."""

    target_namespaces: list[NamespaceName] | None = doc(
        "Namespaces whose workloads the instance may discover and profile. Default: the namespace of this object. "
        "Every user of the instance has access to its targets in all of these namespaces.",
        schema={"maxItems": MAX_NAMESPACES},
    )
    enable_cert_manager: Bool | None = doc(
        "Whether connections between the components of the instance are encrypted. With true, cert-manager issues the "
        "certificates. With false, connections are not encrypted. Default: cert-manager issues the certificates if it "
        "is installed, otherwise the operator does. If the variable DISABLE_SERVICE_TLS of the operator is true, the "
        "default is false."
    )
    enable_audit: Bool | None = doc(
        "Record an audit history of changes in the database. Default true for new instances."
    )
    trusted_cert_secrets: list[CertificateSecret] | None = doc(
        "Certificates that the application trusts in connections to targets and to an external object storage."
    )
    automated_rules: list[TemplateConfigMap] | None = doc("Automated rules to install, one JSON file each.")
    event_templates: list[TemplateConfigMap] | None = doc("JFR event templates to install, one .jfc file each.")
    probe_templates: list[TemplateConfigMap] | None = doc("JMC agent probe templates to install, one XML file each.")
    declarative_credentials: list[DeclarativeCredential] | None = doc("Logins to targets that the application stores.")
    storage_options: StorageOptions | None = doc("Volumes of the database and of the object storage.")
    service_options: ServiceOptions | None = doc("Services of the instance: type, port and metadata.")
    network_policies: NetworkPolicies | None = doc(
        "NetworkPolicies of the instance. Ingress policies are enabled by default."
    )
    network_options: NetworkOptions | None = doc("Access to the application from outside the cluster.")
    report_options: ReportOptions | None = doc(
        "Report generators, which analyze recordings outside the pod of the application."
    )
    target_connection_cache_options: TargetConnectionCacheOptions | None = doc("Limits of connections to target JVMs.")
    target_discovery_options: TargetDiscoveryOptions | None = doc("Discovery of target JVMs.")
    database_options: DatabaseOptions | None = doc("The database of the application.")
    object_storage_options: ObjectStorageOptions | None = doc("The object storage for recordings and other files.")
    agent_options: AgentOptions | None = doc("Cryostat agents in the target workloads.")
    logging_options: LoggingOptions | None = doc("Logging of the application.")
    scheduling_options: SchedulingConfiguration | None = doc(
        "Scheduling of the pods of application, database and object storage."
    )
    security_options: SecurityOptions | None = doc(
        "Security contexts of pods and containers. Each one replaces the entire default."
    )
    resources: Resources | None = doc(
        "Resources of the containers. Default requests are added where CPU or memory is missing. Default limits are "
        "added only to containers for which the spec sets neither requests nor limits."
    )
    authorization_options: AuthorizationOptions | None = doc(
        "Authentication and authorization of users. Authentication is required by default."
    )
    operand_metadata: OperandMetadata | None = doc(
        "Labels and annotations of the Deployments and pods of the instance."
    )

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.storageOptions) || !has(self.storageOptions.pvc) || !has(self.storageOptions.pvc.spec)"
            " || !has(self.storageOptions.pvc.spec.volumeName) || self.storageOptions.pvc.spec.volumeName == ''"
            " || has(self.storageOptions.database) || has(self.storageOptions.objectStorage)"
            " || has(self.storageOptions.emptyDir) && has(self.storageOptions.emptyDir.enabled)"
            " && self.storageOptions.emptyDir.enabled"
            " || has(self.objectStorageOptions) && has(self.objectStorageOptions.provider)"
            " && has(self.objectStorageOptions.provider.url)",
            "storageOptions.pvc.spec.volumeName would give one volume to database and object storage, but only "
            "one of them can "
            "have it: use storageOptions.database.pvc and storageOptions.objectStorage.pvc",
            lambda spec: not _one_volume_for_two(spec),
        ),
    )


def _name(cryostat: "Cryostat") -> str:
    # An object with `generateName` has no name yet.
    return str(cryostat.metadata.get("name") or "")


def _is_label(name: str) -> bool:
    return not name or re.fullmatch(DNS_LABEL, name) is not None


class Cryostat(Model):
    """An instance of Cryostat, a profiling and monitoring application for JVMs."""

    metadata: dict[str, Any] = Field(default_factory=dict)
    spec: CryostatSpec = Field(default_factory=CryostatSpec, description="Desired configuration of the instance.")
    status: CryostatStatus = Field(default_factory=CryostatStatus, description="Observed state of the instance.")

    @field_validator("spec", "status", mode="before")
    @classmethod
    def _absent_is_empty(cls, value: Any) -> Any:
        return {} if value is None else value

    @property
    def hibernation_requested(self) -> bool:
        """Whether the annotation requests that every Deployment is scaled to 0."""
        return (self.metadata.get("annotations") or {}).get(constants.ANNOTATION_HIBERNATION) == "on"

    rules: ClassVar[tuple[Rule, ...]] = (
        Rule(
            f"self.metadata.name.matches('^{DNS_LABEL}$')",
            "metadata.name must consist of lower-case letters, digits and hyphens, and begin and end with a "
            "letter or digit: "
            "Services are named after it",
            lambda c: _is_label(_name(c)),
            only_on_create=True,
        ),
        Rule(
            f"size(self.metadata.name) <= {NAME_LIMIT}",
            f"metadata.name must have at most {NAME_LIMIT} characters: names of containers are longer, and have at "
            "most 63",
            lambda c: len(_name(c)) <= NAME_LIMIT,
            only_on_create=True,
        ),
    )


# Builds the validator at import, not for the first Cryostat. Nested models need no validators of their own.
Cryostat.model_rebuild()
