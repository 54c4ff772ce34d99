"""The rule for each value of the chart, by its dotted path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import group_rules, ingress_rules, storage_rules
from .rule_types import MoveTo, NotSupported, Rule

# Component of the chart: fields for its resources and its security context, and the CPU and memory it requests.
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

# Component of the chart: field of its Service, name of its port in the chart and in the spec, and the chart's default.
_SERVICES = {
    "core": ("coreConfig", "httpPort", "httpPort", 8181),
    "reports": ("reportsConfig", "httpPort", "httpPort", 10001),
    "db": ("databaseConfig", "port", "databasePort", 5432),
    "storage": ("storageConfig", "port", "httpPort", 8333),
}

_RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_IMAGE = (
    "the operator uses the same images for all instances; its RELATED_IMAGE_* variables select them (docs/install.md)"
)
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
# Defaults of the released charts 2.0 to 2.2.
_RELEASES = ("4.0.0", "4.0.1", "4.0.2", "4.0.3", "4.1.0", "4.1.1", "4.2.0")
_EARLIER_IMAGES = {
    **{name: tuple(f"{_IMAGES[name].rpartition(':')[0]}:{tag}" for tag in _RELEASES) for name in _IMAGES},
    "oauth2Proxy": tuple(f"quay.io/oauth2-proxy/oauth2-proxy:{tag}" for tag in ("v7.14.3", "v7.15.2")),
    "openshiftOauthProxy": (
        *(f"quay.io/cryostat/openshift-oauth-proxy:{tag}" for tag in _RELEASES[:4]),
        *(f"quay.io/openshift/origin-oauth-proxy:{tag}" for tag in ("4.20.0", "4.20", "4.21")),
    ),
}
_ONE_POD = NotSupported(
    "there is no field per component; spec.operandMetadata.podMetadata.annotations applies to all pods"
)
_ACCOUNT = NotSupported("the operator creates a ServiceAccount with the name of the Cryostat for each instance")
_BUCKETS = {
    "archivedRecordings": "archivedrecordings",
    "archivedReports": "archivedreports",
    "eventTemplates": "eventtemplates",
    "jmcAgentProbeTemplates": "probes",
    "threadDumps": "threaddumps",
    "heapDumps": "heapdumps",
    "metadata": "metadata",
}


def _containers() -> Mapping[str, Rule]:
    found: dict[str, Rule] = {}
    for component, (resources, context, cpu, memory) in _CONTAINERS.items():
        found |= {
            f"{component}.image": NotSupported(
                _IMAGE,
                _image(_IMAGES[component]),
                tuple(_image(each, "IfNotPresent") for each in _EARLIER_IMAGES[component]),
            ),
            f"{component}.resources": MoveTo(resources, {"requests": {"cpu": cpu, "memory": memory}}),
            f"{component}.securityContext": MoveTo(context, _RESTRICTED),
            f"{component}.config.extra": group_rules.extra_environment,
        }
    return found


def _image(reference: str, pull_policy: str = "Always") -> Mapping[str, str]:
    repository, _, tag = reference.rpartition(":")
    return {"repository": repository, "pullPolicy": pull_policy, "tag": tag}


def _services() -> Mapping[str, Rule]:
    found: dict[str, Rule] = {}
    for component, (config, port, field, number) in _SERVICES.items():
        found |= {
            f"{component}.podAnnotations": _ONE_POD,
            f"{component}.service.type": MoveTo(f"serviceOptions.{config}.serviceType", "ClusterIP"),
            f"{component}.service.{port}": MoveTo(f"serviceOptions.{config}.{field}", number),
            f"{component}.service.annotations": MoveTo(f"serviceOptions.{config}.annotations"),
        }
    return found


def _scheduling() -> Mapping[str, Rule]:
    found: dict[str, Rule] = {}
    for attribute in group_rules.SCHEDULING:
        found |= {
            f"{above}{attribute}": group_rules.handled_elsewhere
            for above in ("", "core.", "reports.", "db.", "storage.")
        }
        if attribute != "affinity":
            found |= {f"{sidecar}.{attribute}": group_rules.handled_elsewhere for sidecar in ("grafana", "datasource")}
    return found


def _audit(mode: Any) -> Any:
    return {"enabled": True, "disabled": False}.get(mode, mode) if isinstance(mode, str) else mode


RULES: Mapping[str, Rule] = {
    **_containers(),
    **_services(),
    **_scheduling(),
    **{f"storage.buckets.names.{name}": storage_rules.bucket_name(name, default) for name, default in _BUCKETS.items()},
    "core.debug.log.level": MoveTo("loggingOptions.coreLogLevel", "INFO"),
    "core.audit.mode": MoveTo("enableAudit", "auto", _audit),
    "core.sslProxied": NotSupported("there is no field for it; the Ingress or Route terminates TLS", False),
    "core.ingress": ingress_rules.ingress,
    "core.route.enabled": NotSupported(
        "the operator always creates a Route on OpenShift and never elsewhere; elsewhere, use core.ingress", False
    ),
    "core.route.tls": group_rules.route_tls,
    "core.databaseSecretName": MoveTo("databaseOptions.secretName"),
    "core.discovery.kubernetes": group_rules.discovery,
    "core.config.declarative.fsMode": NotSupported("there is no field for it; files are mounted with mode 0440", 0o440),
    "core.config.credentials.secretNames": MoveTo(
        "declarativeCredentials", None, group_rules.as_mappings("secretName")
    ),
    "core.config.rules.configMapNames": group_rules.files("automatedRules"),
    "core.config.probeTemplates.configMapNames": group_rules.files("probeTemplates"),
    "core.config.eventTemplates.configMapNames": group_rules.files("eventTemplates"),
    "core.config.tlsTruststore.secretNames": group_rules.certificates,
    "reports.reportsSecretName": NotSupported("there is no field for it; the operator generates this Secret"),
    "reports.debug.log.level": NotSupported("there is no field for the log level of report generators", "INFO"),
    "reports.replicas": MoveTo("reportOptions.replicas"),
    "db.provider.url": NotSupported(
        "external databases are not supported; the operator deploys a database for each instance"
    ),
    "db.pvc": storage_rules.volume("database", "500Mi"),
    "storage.storageSecretName": storage_rules.storage_secret,
    "storage.provider": storage_rules.provider,
    "storage.encryption.enabled": NotSupported("the storage is always encrypted", True),
    "storage.pvc": storage_rules.volume("objectStorage", "32Gi"),
    "authentication.cookieSecretName": NotSupported(
        "the operator generates the cookie secret; users have to log in again once"
    ),
    "authentication.openshift.enabled": group_rules.handled_elsewhere,
    "authentication.openshift.clusterRole.name": NotSupported(
        "there is no field for it; the operator always binds system:auth-delegator", "system:auth-delegator"
    ),
    "authentication.basicAuth": group_rules.basic_auth,
    "oauth2Proxy.tls.selfSigned.enabled": NotSupported(
        "connections between components are encrypted by default (docs/tls.md)", False
    ),
    "openshiftOauthProxy.accessReview": group_rules.access_review,
    "imagePullSecrets": NotSupported(
        "there is no field for it; add them to the ServiceAccounts `default` and the one named like the Cryostat"
    ),
    "nameOverride": NotSupported("set the name of the Cryostat with --name"),
    "fullnameOverride": group_rules.handled_elsewhere,
    "rbac.create": NotSupported("the operator always creates the roles and bindings that an instance needs", True),
    "serviceAccount.create": NotSupported("the operator always creates a ServiceAccount for each instance", True),
    "serviceAccount.annotations": NotSupported(
        "there is no field for it; annotate the ServiceAccount named like the Cryostat, the operator keeps annotations"
    ),
    "serviceAccount.name": _ACCOUNT,
    "podAnnotations": MoveTo("operandMetadata.podMetadata.annotations"),
    "podSecurityContext": group_rules.pod_security,
    "networkPolicy.ingress.enabled": group_rules.network_policy,
}
