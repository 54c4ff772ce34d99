"""Models of the network part of the spec: Services, NetworkPolicies, Route and Ingress."""

from typing import Annotated, Literal

from pydantic import Field, StrictStr

from .base import DNS_HOST, Bool, EmptyIsAbsent, IngressSpec, Model, Port, StringMap, doc

# The empty string is Kubernetes' default, ClusterIP.
ServiceType = Annotated[Literal["ClusterIP", "NodePort", "LoadBalancer"] | None, EmptyIsAbsent]
Host = Annotated[Annotated[StrictStr, Field(max_length=253, pattern=DNS_HOST)] | None, EmptyIsAbsent]


class ResourceMetadata(Model):
    """Labels and annotations of objects that the operator creates."""

    annotations: StringMap | None = doc("Annotations to add.")
    labels: StringMap | None = doc("Labels to add. Keys that the operator sets are reserved.")


class ServiceConfig(ResourceMetadata):
    """Fields that the Services of all components share."""

    service_type: ServiceType = doc(
        "Type of the Service. Default ClusterIP.", schema={"enum": ["", "ClusterIP", "NodePort", "LoadBalancer"]}
    )


class CoreServiceConfig(ServiceConfig):
    """Service of the application."""

    http_port: Port | None = doc("Port of the Service. Default 4180.")


class ReportsServiceConfig(ServiceConfig):
    """Service of the report generators."""

    http_port: Port | None = doc("Port of the Service. Default 10000.")


class DatabaseServiceConfig(ServiceConfig):
    """Service of the database."""

    database_port: Port | None = doc("Port of the Service. Default 5432.")


class StorageServiceConfig(ServiceConfig):
    """Service of the object storage."""

    http_port: Port | None = doc("Port of the Service. Default 8333.")


class AgentGatewayServiceConfig(ServiceConfig):
    """Service that agents connect to."""

    http_port: Port | None = doc("Port of the Service. Default 8282.")


class ServiceOptions(Model):
    """The Services of the instance."""

    core_config: CoreServiceConfig | None = doc("Service of the application, behind its authentication proxy.")
    reports_config: ReportsServiceConfig | None = doc("Service of the report generators.")
    database_config: DatabaseServiceConfig | None = doc("Service of the database.")
    storage_config: StorageServiceConfig | None = doc("Service of the object storage.")
    agent_gateway_config: AgentGatewayServiceConfig | None = doc("Service that Cryostat agents connect to.")
    agent_callback_config: ResourceMetadata | None = doc(
        "Headless Services in the target namespaces, through which the application connects to agents."
    )


class NetworkPolicyConfig(Model):
    """NetworkPolicies of one component."""

    disabled: Bool | None = doc("Deprecated: use `ingressDisabled`. Create no NetworkPolicy for this component.")
    ingress_disabled: Bool | None = doc("Do not restrict incoming connections of this component.")
    egress_enabled: Bool | None = doc("Restrict outgoing connections of this component. Default false.")


class NetworkPolicies(Model):
    """NetworkPolicies of all components."""

    core_config: NetworkPolicyConfig | None = doc("NetworkPolicies of the application's pod.")
    reports_config: NetworkPolicyConfig | None = doc("NetworkPolicies of the report generators.")
    database_config: NetworkPolicyConfig | None = doc("NetworkPolicies of the database.")
    storage_config: NetworkPolicyConfig | None = doc("NetworkPolicies of the object storage.")


class NetworkConfiguration(ResourceMetadata):
    """Route or Ingress of the application."""

    external_host: Host = doc(
        "Host name of the Route on OpenShift. Default: the router selects one. On other platforms, use `ingressSpec`."
    )
    ingress_spec: IngressSpec | None = doc(
        "Spec of the Ingress on platforms without Routes. Its backend is the Service with the name of this object and "
        "port `serviceOptions.coreConfig.httpPort` (default 4180). Default: no Ingress is created."
    )


class NetworkOptions(Model):
    """Access to the application from outside the cluster."""

    core_config: NetworkConfiguration | None = doc("Route (OpenShift) or Ingress (elsewhere) of the application.")
