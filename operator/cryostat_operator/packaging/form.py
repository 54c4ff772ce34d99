"""The layout of the form in the OpenShift console: words, order and inputs, as far as the API models do not tell them.

Fields are named by their path below `spec` (list items with `[0]`) or, where the same word fits everywhere, by their
last name. One table serves all versions of the API.
"""

from __future__ import annotations

from collections.abc import Mapping

# What a person fills in first, top down; every other part of the spec is in the group «Advanced configuration».
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
# Advanced inside a group of the first kind; the last two steps of the path will do.
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
# Without effect on OpenShift, and so only in the way there: it has Routes and SELinux, and our images are for Linux.
HIDDEN = frozenset({"networkOptions.coreConfig.ingressSpec", "appArmorProfile", "windowsOptions"})

# Everything else is called by its own name, in words.
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
    "targetCacheTTL": "Seconds that an unused one stays open",
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
# Parts of an instance; `coreConfig`, `coreResources` and `coreSecurityContext` are all about the application.
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

# Items of a list have no description of their own unless they are objects.
ITEM_DESCRIPTIONS: Mapping[str, str] = {
    "targetNamespaces[0]": "A project that you have access to.",
    "tolerations[0]": "A taint that is tolerated.",
    "accessModes[0]": "How nodes may use the volume.",
    "discoveryPortNames[0]": "Name of a port as the Service or pod has it.",
    "discoveryPortNumbers[0]": "A number from 1 to 65535.",
}

# What the console offers to choose from. Projects, because only those that the user has access to are listed.
PICKERS: Mapping[str, str] = {
    "targetNamespaces[0]": "project.openshift.io:v1:Project",
    "secretName": "Secret",
    "databaseSecretName": "Secret",
    "configMapName": "ConfigMap",
    "storageClassName": "StorageClass",
}
# A field that is shown only while another one, beside it (`.name`) or somewhere, has this value.
DEPENDENCIES: Mapping[str, tuple[str, str]] = {
    "emptyDir.medium": (".enabled", "true"),
    "emptyDir.sizeLimit": (".enabled", "true"),
    "storageBucketNameOptions.metadata": ("objectStorageOptions.provider.metadataMode", "bucket"),
}

# Kubernetes' own types that the console has an input for.
INPUTS: Mapping[str, str] = {
    "io.k8s.api.core.v1.ResourceRequirements": "resourceRequirements",
    "io.k8s.api.core.v1.NodeAffinity": "nodeAffinity",
    "io.k8s.api.core.v1.PodAffinity": "podAffinity",
    "io.k8s.api.core.v1.PodAntiAffinity": "podAntiAffinity",
}
# Of the others, the fields to show first, with the values to choose from; the rest follows as the schema has it.
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

# Path below `status` → name, what the console makes of it.
STATUS: Mapping[str, tuple[str, str]] = {
    "applicationUrl": ("Application", "org.w3:link"),
    "basicAuthSecret": ("Secret with the generated login", "io.kubernetes:Secret"),
    "targetNamespaces[0]": ("Target namespace", "io.kubernetes:Namespace"),
    "databaseSecret": ("Secret with the database's keys", "io.kubernetes:Secret"),
    "storageSecret": ("Secret with the object storage's keys", "io.kubernetes:Secret"),
    "conditions": ("Conditions", "io.kubernetes.conditions"),
}
STATUS_ITEM_DESCRIPTIONS: Mapping[str, str] = {
    "targetNamespaces[0]": "A namespace that the instance has been given access to.",
}
