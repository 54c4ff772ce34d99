"""Layout of the form in the OpenShift console: display names, order and input types of fields.

A field is identified by its path below `spec` (list items with `[0]`), or by its last path element where one display
name fits everywhere. One table is used for all API versions.
"""

from __future__ import annotations

from collections.abc import Mapping

# Fields at the top of the form, in this order; all other fields are in the group "Advanced configuration".
FIRST = (
    "targetNamespaces",
    "networkOptions",
    "enableCertManager",
    "trustedCertSecrets",
    "reportOptions",
    "storageOptions",
    "objectStorageOptions",
    "databaseOptions",
    "jmxCredentialsDatabaseOptions",
    "authorizationOptions",
)
LATER = (
    "resources",
    "agentOptions",
    "targetDiscoveryOptions",
    "targetConnectionCacheOptions",
    "jmxCacheOptions",
    "automatedRules",
    "eventTemplates",
    "probeTemplates",
    "declarativeCredentials",
    "loggingOptions",
    "enableAudit",
    "serviceOptions",
    "networkPolicies",
    "schedulingOptions",
    "securityOptions",
)
# Advanced fields inside a group at the top, by the last two elements of their path.
ADVANCED = frozenset(
    {
        "spec.dataSource",
        "spec.dataSourceRef",
        "spec.selector",
        "spec.volumeAttributesClassName",
        "spec.volumeMode",
        "reportOptions.schedulingOptions",
        "reportOptions.securityOptions",
        "objectStorageOptions.storageBucketNameOptions",
        "provider.useVirtualHostAccess",
        "provider.disablePresignedFileTransfers",
        "provider.disablePresignedDownloads",
        "provider.tlsTrustAll",
        "provider.metadataMode",
    }
)
# Hidden, because they have no effect on OpenShift: it uses Routes and SELinux, and the images are for Linux.
HIDDEN = frozenset({"networkOptions.coreConfig.ingressSpec", "appArmorProfile", "windowsOptions"})

# Display names; a field that is missing here is shown with its own name, split into words.
NAMES: Mapping[str, str] = {
    "targetNamespaces[0]": "Namespace",
    "networkOptions": "External access",
    "networkOptions.coreConfig": "Route",
    "enableCertManager": "TLS with cert-manager",
    "trustedCertSecrets": "Trusted certificates",
    "trustedCertSecrets[0]": "Certificate",
    "certificateKey": "Key of the certificate",
    "secretName": "Secret",
    "databaseSecretName": "Secret",
    "configMapName": "ConfigMap",
    "filename": "Key of the file",
    "reportOptions": "Report generators",
    "reportOptions.replicas": "Number of report generators",
    "storageOptions": "Volumes",
    "pvc": "PersistentVolumeClaim",
    "spec": "Claim",
    "emptyDir": "emptyDir volume",
    "enabled": "Use an emptyDir volume",
    "objectStorageOptions": "Object storage",
    "objectStorageOptions.secretName": "Secret with the credentials",
    "provider": "External S3 service",
    "url": "Address",
    "useVirtualHostAccess": "Virtual-hosted style",
    "tlsTrustAll": "Accept any certificate",
    "storageBucketNameOptions": "Names of buckets",
    "jmcAgentProbeTemplates": "JMC agent probe templates",
    "databaseOptions": "Database",
    "databaseOptions.secretName": "Secret with the keys",
    "jmxCredentialsDatabaseOptions": "Database",
    "authorizationOptions": "Login",
    "basicAuth": "Users from an htpasswd file",
    "openShiftSSO": "OpenShift accounts",
    "openShiftSSO.disable": "No login",
    "accessReview": "Permission that users need",
    "agentOptions": "Agents",
    "agentOptions.disableHostnameVerification": "Do not verify host names",
    "agentOptions.allowInsecure": "Accept plain HTTP",
    "agentOptions.resources": "Resources of the init container",
    "targetDiscoveryOptions": "Discovery of targets",
    "disableBuiltInDiscovery": "No discovery through Kubernetes",
    "builtInDiscoveryDisabled": "No discovery through Kubernetes",
    "disableBuiltInPortNames": "No default port name",
    "discoveryPortNames": "Names of JMX ports",
    "discoveryPortNames[0]": "Port name",
    "disableBuiltInPortNumbers": "No default port number",
    "discoveryPortNumbers": "Numbers of JMX ports",
    "discoveryPortNumbers[0]": "Port number",
    "targetConnectionCacheOptions": "Connections to targets",
    "jmxCacheOptions": "Connections to targets",
    "targetCacheSize": "Open connections",
    "targetCacheTTL": "Seconds until an unused connection is closed",
    "automatedRules[0]": "Rule",
    "eventTemplates[0]": "Template",
    "probeTemplates": "Agent probe templates",
    "probeTemplates[0]": "Template",
    "declarativeCredentials": "Stored credentials",
    "declarativeCredentials[0]": "Credentials",
    "loggingOptions": "Logging",
    "coreLogLevel": "Log level",
    "enableAudit": "Audit history",
    "serviceOptions": "Services",
    "httpPort": "Port",
    "databasePort": "Port",
    "ingressDisabled": "No ingress policy",
    "egressEnabled": "Egress policy",
    "schedulingOptions": "Scheduling",
    "tolerations[0]": "Toleration",
    "securityOptions": "Security contexts",
    "podSecurityContext": "Pods",
    "reportsSecurityContext": "Container",
    "storageClassName": "Storage class",
    "accessModes[0]": "Access mode",
    "podAntiAffinity": "Pod anti-affinity",
    "seLinuxOptions": "SELinux options",
    "fsGroup": "File system group",
    "readOnlyRootFilesystem": "Read-only root file system",
}
# Components of an instance by the prefix of fields such as `coreConfig`, `coreResources`, `coreSecurityContext`.
PARTS: Mapping[str, str] = {
    "core": "Application",
    "authProxy": "Authentication proxy",
    "dataSource": "Grafana's data source",
    "grafana": "Grafana",
    "reports": "Report generators",
    "database": "Database",
    "storage": "Object storage",
    "objectStorage": "Object storage",
    "agentProxy": "Agent gateway",
    "agentGateway": "Agent gateway",
}
PART_SUFFIXES = ("Config", "Resources", "SecurityContext")

# Descriptions of list items that are not objects.
ITEM_DESCRIPTIONS: Mapping[str, str] = {
    "targetNamespaces[0]": "A project to which you have access.",
    "tolerations[0]": "A taint that the pods tolerate.",
    "accessModes[0]": "Access mode of the volume.",
    "discoveryPortNames[0]": "Name of a port of a Service or container.",
    "discoveryPortNumbers[0]": "A number from 1 to 65535.",
}

# Kinds that the console offers for selection. Projects instead of namespaces: the API lists only accessible ones.
PICKERS: Mapping[str, str] = {
    "targetNamespaces[0]": "project.openshift.io:v1:Project",
    "secretName": "Secret",
    "databaseSecretName": "Secret",
    "configMapName": "ConfigMap",
    "storageClassName": "StorageClass",
}
# Fields that are shown only if another field, a sibling (`.name`) or one given by its path, has this value.
DEPENDENCIES: Mapping[str, tuple[str, str]] = {
    "emptyDir.medium": (".enabled", "true"),
    "emptyDir.sizeLimit": (".enabled", "true"),
    "storageBucketNameOptions.metadata": ("objectStorageOptions.provider.metadataMode", "bucket"),
}

# Kubernetes types for which the console has an input.
INPUTS: Mapping[str, str] = {
    "io.k8s.api.core.v1.ResourceRequirements": "resourceRequirements",
    "io.k8s.api.core.v1.NodeAffinity": "nodeAffinity",
    "io.k8s.api.core.v1.PodAffinity": "podAffinity",
    "io.k8s.api.core.v1.PodAntiAffinity": "podAntiAffinity",
}
# Order of fields and selectable values of other Kubernetes types; missing fields follow in the order of the schema.
EMBEDDED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "io.k8s.api.core.v1.PersistentVolumeClaimSpec": {
        "storageClassName": (),
        "accessModes": (),
        "accessModes[0]": ("ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"),
        "volumeName": (), "dataSource": (), "dataSourceRef": (), "selector": (), "volumeAttributesClassName": (),
        "volumeMode": (),
    },
    "io.k8s.api.core.v1.Toleration": {
        "key": (),
        "operator": ("Exists", "Equal"),
        "value": (),
        "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
        "tolerationSeconds": (),
    },
    "io.k8s.api.authorization.v1.ResourceAttributes": {
        "verb": (), "resource": (), "subresource": (), "group": (), "version": (), "namespace": (), "name": (),
    },
    "io.k8s.api.core.v1.SecurityContext": {
        "runAsNonRoot": (), "runAsUser": (), "runAsGroup": (), "readOnlyRootFilesystem": (),
        "allowPrivilegeEscalation": (), "privileged": (), "capabilities": (), "seccompProfile": (),
        "seLinuxOptions": (), "appArmorProfile": (), "windowsOptions": (),
    },
    "io.k8s.api.core.v1.PodSecurityContext": {
        "runAsNonRoot": (), "runAsUser": (), "runAsGroup": (), "fsGroup": (), "supplementalGroups": (),
        "seccompProfile": (), "seLinuxOptions": (), "appArmorProfile": (), "windowsOptions": (),
    },
}  # fmt: skip

# Path below `status` → display name and console descriptor.
STATUS: Mapping[str, tuple[str, str]] = {
    "summary": ("Status", "text"),
    "applicationUrl": ("Application", "org.w3:link"),
    "basicAuthSecret": ("Secret with the generated login", "io.kubernetes:Secret"),
    "targetNamespaces[0]": ("Target namespace", "io.kubernetes:Namespace"),
    "databaseSecret": ("Secret with the database's keys", "io.kubernetes:Secret"),
    "storageSecret": ("Secret with the object storage's keys", "io.kubernetes:Secret"),
    "conditions": ("Conditions", "io.kubernetes.conditions"),
}
STATUS_ITEM_DESCRIPTIONS: Mapping[str, str] = {
    "targetNamespaces[0]": "A target namespace. The condition TargetNamespacesReady names those without access.",
}
