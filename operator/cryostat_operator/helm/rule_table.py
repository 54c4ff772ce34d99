"""The table: what becomes of each value of the chart, by its dotted path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import group_rules
from .rule_types import Lost, Rule, To

_CONTAINERS = {
    "core": ("resources.coreResources", "securityOptions.coreSecurityContext", "500m", "384Mi"),
    "reports": ("reportOptions.resources", "reportOptions.securityOptions.reportsSecurityContext", "500m", "512Mi"),
    "db": ("resources.databaseResources", "securityOptions.databaseSecurityContext", "25m", "64Mi"),
    "storage": ("resources.objectStorageResources", "securityOptions.storageSecurityContext", "50m", "256Mi"),
    "grafana": ("resources.grafanaResources", "securityOptions.grafanaSecurityContext", "25m", "80Mi"),
    "datasource": ("resources.dataSourceResources", "securityOptions.dataSourceSecurityContext", "200m", "200Mi"),
    "oauth2Proxy": ("resources.authProxyResources", "securityOptions.authProxySecurityContext", "25m", "64Mi"),
    "openshiftOauthProxy": ("resources.authProxyResources", "securityOptions.authProxySecurityContext", "25m", "64Mi"),
}
"""Component of the chart: fields for its resources and its security context; the CPU and memory it requests."""

_SERVICES = {
    "core": ("coreConfig", "httpPort", "httpPort", 8181),
    "reports": ("reportsConfig", "httpPort", "httpPort", 10001),
    "db": ("databaseConfig", "port", "databasePort", 5432),
    "storage": ("storageConfig", "port", "httpPort", 8333),
}
"""Component: field of its Service, its port in the chart and in the spec, and the chart's default."""

_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_IMAGE = "images are chosen for all instances, by the operator's RELATED_IMAGE_* variables; see docs/install.md"
_IMAGES = {
    "core": "quay.io/cryostat/cryostat:4.3.0-snapshot",
    "reports": "quay.io/cryostat/cryostat-reports:4.3.0-snapshot",
    "db": "quay.io/cryostat/cryostat-db:latest",
    "storage": "quay.io/cryostat/cryostat-storage:latest",
    "grafana": "quay.io/cryostat/cryostat-grafana-dashboard:latest",
    "datasource": "quay.io/cryostat/jfr-datasource:latest",
    "oauth2Proxy": "quay.io/oauth2-proxy/oauth2-proxy:latest",
    "openshiftOauthProxy": "quay.io/openshift/origin-oauth-proxy:latest",
}
_ONE_POD = Lost("spec.operandMetadata.podMetadata.annotations annotates the pods of all components")
_ACCOUNT = Lost("every instance has a ServiceAccount of its own, named like the Cryostat")


def _containers() -> Mapping[str, Rule]:
    found: dict[str, Rule] = {}
    for component, (resources, context, cpu, memory) in _CONTAINERS.items():
        found |= {
            f"{component}.image": Lost(_IMAGE, _image(_IMAGES[component])),
            f"{component}.resources": To(resources, {"requests": {"cpu": cpu, "memory": memory}}),
            f"{component}.securityContext": To(context, _RESTRICTED),
            f"{component}.config.extra": group_rules.extra,
        }
    return found


def _image(default: str) -> Mapping[str, str]:
    repository, _, tag = default.rpartition(":")
    return {"repository": repository, "pullPolicy": "Always", "tag": tag}


def _services() -> Mapping[str, Rule]:
    found: dict[str, Rule] = {}
    for component, (config, port, field, number) in _SERVICES.items():
        found |= {
            f"{component}.podAnnotations": _ONE_POD,
            f"{component}.service.type": To(f"serviceOptions.{config}.serviceType", "ClusterIP"),
            f"{component}.service.{port}": To(f"serviceOptions.{config}.{field}", number),
            f"{component}.service.annotations": To(f"serviceOptions.{config}.annotations"),
        }
    return found


def _scheduling() -> Mapping[str, Rule]:
    found: dict[str, Rule] = {}
    for attribute in group_rules.SCHEDULING:
        found |= {
            f"{above}{attribute}": group_rules.elsewhere for above in ("", "core.", "reports.", "db.", "storage.")
        }
        if attribute != "affinity":
            found |= {f"{sidecar}.{attribute}": group_rules.elsewhere for sidecar in ("grafana", "datasource")}
    return found


def _audit(mode: Any) -> Any:
    return {"enabled": True, "disabled": False}.get(mode, mode)


_BUCKETS = {
    "archivedRecordings": "archivedrecordings",
    "archivedReports": "archivedreports",
    "eventTemplates": "eventtemplates",
    "jmcAgentProbeTemplates": "probes",
    "threadDumps": "threaddumps",
    "heapDumps": "heapdumps",
    "metadata": "metadata",
}

RULES: Mapping[str, Rule] = {
    **_containers(),
    **_services(),
    **_scheduling(),
    **{
        f"storage.buckets.names.{name}": To(f"objectStorageOptions.storageBucketNameOptions.{name}", default)
        for name, default in _BUCKETS.items()
    },
    "core.debug.log.level": To("loggingOptions.coreLogLevel", "INFO"),
    "core.audit.mode": To("enableAudit", "auto", _audit),
    "core.sslProxied": Lost("there is no field for it: terminate TLS at the Ingress or Route", False),
    "core.ingress": group_rules.ingress,
    "core.route.enabled": Lost("on OpenShift there always is a Route, groups.elsewhere never", False),
    "core.route.tls": group_rules.route_tls,
    "core.databaseSecretName": To("databaseOptions.secretName"),
    "core.discovery.kubernetes": group_rules.discovery,
    "core.config.declarative.fsMode": Lost("files are mounted readable for owner and group, mode 0440", 0o440),
    "core.config.credentials.secretNames": To("declarativeCredentials", None, group_rules.named("secretName")),
    "core.config.rules.configMapNames": group_rules.files("automatedRules"),
    "core.config.probeTemplates.configMapNames": group_rules.files("probeTemplates"),
    "core.config.eventTemplates.configMapNames": group_rules.files("eventTemplates"),
    "core.config.tlsTruststore.secretNames": group_rules.certificates,
    "reports.reportsSecretName": Lost("the application and its report generators agree on a secret by themselves"),
    "reports.debug.log.level": Lost("the log level of report generators cannot be set", "INFO"),
    "reports.replicas": To("reportOptions.replicas"),
    "db.provider.url": Lost("an external database is not supported; the operator runs one of its own"),
    "db.pvc": group_rules.volume("database", "500Mi"),
    "storage.storageSecretName": group_rules.storage_secret,
    "storage.provider": group_rules.provider,
    "storage.encryption.enabled": Lost("what is stored is always encrypted", True),
    "storage.pvc": group_rules.volume("objectStorage", "32Gi"),
    "authentication.cookieSecretName": Lost("the operator makes the cookie secret; users log in again once"),
    "authentication.openshift.enabled": group_rules.openshift,
    "authentication.openshift.clusterRole.name": Lost(
        "bindings of the operator cannot be chosen", "system:auth-delegator"
    ),
    "authentication.basicAuth": group_rules.basic_auth,
    "oauth2Proxy.tls.selfSigned.enabled": Lost("all connections are encrypted by default; see docs/tls.md", False),
    "openshiftOauthProxy.accessReview": group_rules.access_review,
    "imagePullSecrets": Lost("add them to the ServiceAccounts `default` and the one named like the Cryostat"),
    "nameOverride": Lost("name the Cryostat with --name"),
    "fullnameOverride": group_rules.elsewhere,
    "rbac.create": Lost("the operator always binds what an instance needs", True),
    "serviceAccount.create": Lost("every instance has a ServiceAccount of its own", True),
    "serviceAccount.annotations": Lost("annotate the ServiceAccount named like the Cryostat; annotations stay"),
    "serviceAccount.name": _ACCOUNT,
    "podAnnotations": To("operandMetadata.podMetadata.annotations"),
    "podSecurityContext": group_rules.pod_security,
    "networkPolicy.ingress.enabled": group_rules.network_policy,
}
