"""Models of the pods of an instance: resources, security contexts, scheduling, metadata, report generators."""

from typing import Annotated

from pydantic import Field, StrictInt

from .base import (
    Int32,
    Model,
    NodeAffinity,
    PodAffinity,
    PodAntiAffinity,
    PodSecurityContext,
    ResourceRequirements,
    SecurityContext,
    StringMap,
    Toleration,
    doc,
)
from .limits import MAX_REPLICAS
from .network_options import ResourceMetadata

Replicas = Annotated[StrictInt, Field(ge=0, le=MAX_REPLICAS, json_schema_extra={"format": "int32"})]


class Affinity(Model):
    """Affinity and anti-affinity of pods."""

    node_affinity: NodeAffinity | None = doc("Nodes on which the pods must or should run.")
    pod_affinity: PodAffinity | None = doc("Pods in whose zone, or on whose node, the pods must or should run.")
    pod_anti_affinity: PodAntiAffinity | None = doc(
        "Pods in whose zone, or on whose node, the pods must not or should not run."
    )


class SchedulingConfiguration(Model):
    """Scheduling of pods."""

    node_selector: StringMap | None = doc("Labels that a node must have to run the pods.")
    affinity: Affinity | None = doc("Affinity and anti-affinity of the pods.")
    tolerations: list[Toleration] | None = doc("Taints that the pods tolerate.")


class ReportsSecurityOptions(Model):
    """Security contexts of the report generators."""

    pod_security_context: PodSecurityContext | None = doc(
        "Security context of the pods. It replaces the entire default."
    )
    reports_security_context: SecurityContext | None = doc(
        "Security context of the container. It replaces the entire default."
    )


class ReportOptions(Model):
    """Report generators, which analyze recordings outside the pod of the application."""

    replicas: Replicas | None = doc("Number of report generators. Default 0: the application generates reports itself.")
    resources: ResourceRequirements | None = doc(
        "Resources of the container. Default requests 2 CPU and 512Mi, limits 4 CPU and 2Gi."
    )
    sub_process_max_heap_size: Int32 | None = doc("Deprecated: has no effect.")
    security_options: ReportsSecurityOptions | None = doc("Security contexts of the report generators.")
    scheduling_options: SchedulingConfiguration | None = doc("Scheduling of the report generators.")


class SecurityOptions(Model):
    """Security contexts of the pods and containers. Each one replaces the entire default."""

    pod_security_context: PodSecurityContext | None = doc(
        "Security context of the pods of application, database and object storage. The operator adds an `fsGroup` if "
        "there is none, because the pods cannot write to their volumes without it."
    )
    auth_proxy_security_context: SecurityContext | None = doc("Security context of the authentication proxy.")
    core_security_context: SecurityContext | None = doc("Security context of the application.")
    data_source_security_context: SecurityContext | None = doc("Security context of Grafana's data source.")
    grafana_security_context: SecurityContext | None = doc("Security context of Grafana.")
    storage_security_context: SecurityContext | None = doc("Security context of the object storage.")
    database_security_context: SecurityContext | None = doc("Security context of the database.")
    agent_proxy_security_context: SecurityContext | None = doc("Security context of the agent gateway.")


class Resources(Model):
    """Resources of the containers, completed by defaults."""

    auth_proxy_resources: ResourceRequirements | None = doc(
        "Resources of the authentication proxy. Default requests 100m CPU and 64Mi, limits 1 CPU and 256Mi."
    )
    core_resources: ResourceRequirements | None = doc(
        "Resources of the application. Default requests 1250m CPU and 512Mi, limits 2 CPU and 1Gi."
    )
    data_source_resources: ResourceRequirements | None = doc(
        "Resources of Grafana's data source. Default requests 200m CPU and 200Mi, limits 500m CPU and 500Mi."
    )
    grafana_resources: ResourceRequirements | None = doc(
        "Resources of Grafana. Default requests 100m CPU and 192Mi, limits 1 CPU and 384Mi."
    )
    database_resources: ResourceRequirements | None = doc(
        "Resources of the database. Default requests 50m CPU and 64Mi, limits 500m CPU and 200Mi."
    )
    object_storage_resources: ResourceRequirements | None = doc(
        "Resources of the object storage. Default requests 500m CPU and 384Mi, limits 1 CPU and 1Gi."
    )
    agent_proxy_resources: ResourceRequirements | None = doc(
        "Resources of the agent gateway. Default requests 50m CPU and 64Mi, limits 500m CPU and 200Mi."
    )


class OperandMetadata(Model):
    """Labels and annotations of the Deployments and their pods."""

    deployment_metadata: ResourceMetadata | None = doc("Labels and annotations of all Deployments of the instance.")
    pod_metadata: ResourceMetadata | None = doc("Labels and annotations of all pods of the instance.")
