"""Models of API version v1beta1, which is deprecated and still served; only differences to v1beta2 are defined here.

Fields without effect are still accepted and preserved. The status has all fields of v1beta2: if some of them were
preserved in an annotation instead, every author of a Cryostat could forge them.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, StrictStr

from . import constants, network_options, status, v1beta2
from .application_options import TargetConnectionCacheOptions, TemplateConfigMap
from .base import (
    DNS_SUBDOMAIN,
    Bool,
    DataKey,
    FromOne,
    IngressSpec,
    Int32,
    Model,
    ObjectName,
    PodSecurityContext,
    Port,
    ResourceRequirements,
    Rule,
    SecurityContext,
    Text,
    doc,
    required,
)
from .network_options import ReportsServiceConfig, ResourceMetadata, StorageServiceConfig
from .storage_options import EmptyDirConfig, PersistentVolumeClaimConfig
from .workload_options import OperandMetadata, ReportOptions, SchedulingConfiguration

VERSION = "v1beta1"
API_VERSION = f"{constants.GROUP}/{VERSION}"

# Empty if the certificate is in a ConfigMap; this version has no field for one.
_SecretName = Annotated[StrictStr, Field(max_length=253, pattern=f"^$|{DNS_SUBDOMAIN}")]


class CertificateSecret(Model):
    """A trusted certificate in a Secret."""

    secret_name: _SecretName = required("Secret in the namespace of this object that contains the certificate.")
    certificate_key: DataKey | None = doc("Key of the certificate in PEM form. Default `tls.crt`.")


class StorageConfiguration(Model):
    """The volumes of the instance."""

    pvc: PersistentVolumeClaimConfig | None = doc("A claim for the database and one for the object storage.")
    empty_dir: EmptyDirConfig | None = doc("An emptyDir for the database and one for the object storage.")


class CoreServiceConfig(network_options.CoreServiceConfig):
    """Service of the application."""

    jmx_port: Int32 | None = doc("Deprecated: has no effect.")


class GrafanaServiceConfig(network_options.ServiceConfig):
    """Former Service of Grafana."""

    http_port: Port | None = doc("Deprecated: has no effect.")


class ServiceOptions(Model):
    """The Services of the instance."""

    core_config: CoreServiceConfig | None = doc("Service of the application.")
    grafana_config: GrafanaServiceConfig | None = doc("Deprecated: has no effect.")
    reports_config: ReportsServiceConfig | None = doc("Service of the report generators.")
    storage_config: StorageServiceConfig | None = doc("Service of the object storage.")


class NetworkConfiguration(ResourceMetadata):
    """Route or Ingress of one component."""

    ingress_spec: IngressSpec | None = doc("Spec of an Ingress to create, on platforms without Routes.")


class NetworkOptions(Model):
    """Access to the application from outside the cluster."""

    core_config: NetworkConfiguration | None = doc("Route (OpenShift) or Ingress (elsewhere) of the application.")
    command_config: NetworkConfiguration | None = doc("Deprecated: has no effect.")
    grafana_config: NetworkConfiguration | None = doc("Deprecated: has no effect.")


class TargetDiscoveryOptions(Model):
    """Discovery of target JVMs."""

    built_in_discovery_disabled: Bool | None = doc("Disable the discovery of targets through the Kubernetes API.")
    disable_built_in_port_names: Bool | None = doc("Do not use the default port name.")
    discovery_port_names: list[Text] | None = doc("Names of JMX ports.")
    disable_built_in_port_numbers: Bool | None = doc("Do not use the default port number.")
    discovery_port_numbers: list[Port] | None = doc("Numbers of JMX ports.")


class SecurityOptions(Model):
    """Security contexts of the pods and containers."""

    pod_security_context: PodSecurityContext | None = doc("Security context of the pods.")
    core_security_context: SecurityContext | None = doc("Security context of the application.")
    data_source_security_context: SecurityContext | None = doc("Security context of Grafana's data source.")
    grafana_security_context: SecurityContext | None = doc("Security context of Grafana.")
    storage_security_context: SecurityContext | None = doc("Security context of the object storage.")
    database_security_context: SecurityContext | None = doc("Security context of the database.")


class Resources(Model):
    """Resources of the containers."""

    core_resources: ResourceRequirements | None = doc("Resources of the application.")
    data_source_resources: ResourceRequirements | None = doc("Resources of Grafana's data source.")
    grafana_resources: ResourceRequirements | None = doc("Resources of Grafana.")


class AuthorizationProperties(Model):
    """Former mapping of permissions on OpenShift."""

    cluster_role_name: Text = required("Deprecated: has no effect.")
    config_map_name: Text = required("Deprecated: has no effect.")
    filename: Text = required("Deprecated: has no effect.")


class JmxCredentialsDatabaseOptions(Model):
    """The database of the application."""

    database_secret_name: ObjectName | None = doc("Secret with the keys of the database.")


class CryostatSpec(Model):
    """Desired configuration of the instance."""

    minimal: Bool = required("Deprecated: has no effect.")
    enable_cert_manager: Bool | None = doc(
        "Encrypt connections between the components of the instance, with certificates of cert-manager."
    )
    trusted_cert_secrets: list[CertificateSecret] | None = doc("Additional certificates to trust.")
    event_templates: list[TemplateConfigMap] | None = doc("JFR event templates to install.")
    storage_options: StorageConfiguration | None = doc("Volumes of the database and of the object storage.")
    service_options: ServiceOptions | None = doc("Services of the instance.")
    network_options: NetworkOptions | None = doc("Access to the application from outside the cluster.")
    report_options: ReportOptions | None = doc("Report generators.")
    max_ws_connections: FromOne | None = doc("Deprecated: has no effect.")
    jmx_cache_options: TargetConnectionCacheOptions | None = doc("Limits of connections to target JVMs.")
    resources: Resources | None = doc("Resources of the containers.")
    auth_properties: AuthorizationProperties | None = doc("Deprecated: has no effect.")
    security_options: SecurityOptions | None = doc("Security contexts of pods and containers.")
    scheduling_options: SchedulingConfiguration | None = doc("Scheduling of the pods.")
    target_discovery_options: TargetDiscoveryOptions | None = doc("Discovery of target JVMs.")
    jmx_credentials_database_options: JmxCredentialsDatabaseOptions | None = doc("The database of the application.")
    operand_metadata: OperandMetadata | None = doc("Labels and annotations of Deployments and pods.")


class CryostatStatus(status.CryostatStatus):
    """Observed state of the instance."""

    grafana_secret: Text | None = doc("Deprecated: it is never set, because Grafana has no login of its own.")


class Cryostat(Model):
    """An instance of Cryostat. This API version is deprecated; use v1beta2."""

    metadata: dict[str, Any] = Field(default_factory=dict)
    spec: CryostatSpec | None = Field(default=None, description="Desired configuration of the instance.")
    status: CryostatStatus = Field(default_factory=CryostatStatus, description="Observed state of the instance.")

    rules: ClassVar[tuple[Rule, ...]] = v1beta2.Cryostat.rules
