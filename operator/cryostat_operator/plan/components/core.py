"""The application: its container, and the main Deployment that it shares with Grafana and the proxies."""

from __future__ import annotations

from dataclasses import replace

from .. import builders, image_releases, workloads
from ..instance import Instance
from ..model import names
from ..model.certificates import KEYSTORE_PASSWORD
from ..model.desired_state import ComponentPlan, ContentUse
from ..model.kinds import Key, Obj
from ..model.problems import Problem
from ..model.reasons import Reason
from ..model.requests import RandomValue, SecretRequest
from ..resource_requests import lowered_requests
from ..tls import specs
from . import agent_gateway, auth_proxy, database, datasource, files, grafana, reports, storage, trusted_certificates

NAME = "core"
REQUESTS = ("1250m", "512Mi")
LIMITS = ("2", "1Gi")
LOG_LEVEL = "INFO"
CONNECTIONS = -1  # no limit
CONNECTION_SECONDS = 10  # until an unused connection to a target is closed
PORT_NAMES = ("jfr-jmx",)
PORT_NUMBERS = (9091,)
# As networks, because Quarkus reads `localhost` as 127.0.0.1 alone and cannot read `::1` in every release.
LOOPBACK = "127.0.0.0/8,::1/128"
# Recordings and heap dumps. The same limit as that of the report generators; the default of the image is 1 GiB.
MAX_BODY_SIZE = "10G"
BUNDLE_STARTUP_SECONDS = 600  # see `_startup_seconds`
_IPV6_ONLY = "CRYOSTAT_DISCOVERY_IPV6_ENABLED"
_HEALTH = f"http://localhost:{names.PORT_APPLICATION}/health/liveness"


def build(instance: Instance) -> ComponentPlan:
    """Return the main Deployment, the lock and, with TLS, the Secret with the password of the keystore."""
    # As the Go operator's. Its controller is the one resource that the instance belongs to: in earlier releases, a
    # Cryostat and a ClusterCryostat could request the same instance.
    lock = builders.owned(instance, "ConfigMap", f"{instance.name}-lock")
    plan = ComponentPlan(NAME, warnings=warnings(instance), content_use=ContentUse.WARNINGS)
    if not instance.tls:
        return replace(plan, objects=(lock, deployment(instance)))
    keystore = builders.generated_secret(instance, specs.keystore_secret(instance))
    request = SecretRequest(
        Key("Secret", instance.namespace, specs.keystore_secret(instance)), {KEYSTORE_PASSWORD: RandomValue(20)}
    )
    return replace(plan, objects=(lock, keystore, deployment(instance)), requests=(request,))


def warnings(instance: Instance) -> tuple[Problem, ...]:
    """Return settings that have no effect, and certificates that cannot be used."""
    ignored = (
        *image_releases.ineffective_fields(instance),
        *lowered_requests(instance),
        *trusted_certificates.unusable(instance, NAME),
    )
    if not instance.spec.report_options or instance.spec.report_options.sub_process_max_heap_size is None:
        return ignored
    message = (
        "spec.reportOptions.subProcessMaxHeapSize has no effect: the application makes reports without a subprocess. "
        "Remove the field."
    )
    return (Problem(NAME, Reason.SUB_PROCESS_MAX_HEAP_SIZE_IGNORED, message), *ignored)


def deployment(instance: Instance) -> Obj:
    """Return the main Deployment, with the application, Grafana, the data source and both proxies."""
    security = instance.spec.security_options
    volumes = [
        *auth_proxy.volumes(instance),
        *agent_gateway.volumes(instance),
        *_keystore_volumes(instance),
        *storage.core_volumes(instance),
        *database.core_volumes(instance),
        *trusted_certificates.volumes(instance),
    ]
    prepared = trusted_certificates.init_containers(instance)
    user_files = files.volumes_and_mounts(instance, (volume["name"] for volume in volumes))
    return workloads.deployment(
        instance,
        workloads.CORE,
        {
            "replicas": 1,
            "strategy": workloads.RECREATE,
            "pod": {
                "serviceAccountName": instance.name,
                "automountServiceAccountToken": True,
                **({"initContainers": prepared} if prepared else {}),
                "containers": [
                    container(instance, user_files.mounts),
                    grafana.container(instance),
                    datasource.container(instance),
                    auth_proxy.container(instance),
                    agent_gateway.container(instance),
                ],
                "securityContext": builders.pod_security_context(
                    instance, security.pod_security_context if security else None
                ),
                **workloads.scheduling(instance.spec.scheduling_options),
                "volumes": [*volumes, *user_files.volumes],
            },
        },
    )


def container(instance: Instance, file_mounts: list[Obj]) -> Obj:
    resources, security = instance.spec.resources, instance.spec.security_options
    tls_mounts = [
        builders.mount(storage.TLS_VOLUME, "/truststore/storage"),
        builders.mount("keystore", f"{_client_tls(instance)}-tls"),
        builders.mount("keystore-pass", f"{_client_tls(instance)}-keystore"),
        builders.mount(database.TLS_VOLUME, database.tls_directory(instance)),
    ]
    # The health check of some releases connects to the application itself by JMX, which takes longer than a second.
    probe = builders.exec_probe("curl", "--fail", _HEALTH, timeoutSeconds=builders.EXEC_TIMEOUT_SECONDS)
    return {
        "name": instance.name,
        **workloads.image(instance, "core"),
        "ports": [{"containerPort": names.PORT_APPLICATION}],
        "env": environment(instance),
        "volumeMounts": [
            trusted_certificates.mount(instance),
            *(tls_mounts if instance.tls else []),
            *file_mounts,
        ],
        "livenessProbe": probe,
        "startupProbe": builders.startup_probe(probe, _startup_seconds(instance)),
        "resources": builders.resources(resources.core_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": builders.container_security_context(security.core_security_context if security else None),
    }


def _startup_seconds(instance: Instance) -> int:
    """The image imports certificates one by one, each in up to a second."""
    return BUNDLE_STARTUP_SECONDS if trusted_certificates.has_bundles(instance) else builders.JVM_STARTUP_SECONDS


def _client_tls(instance: Instance) -> str:
    return f"{names.SECRETS_DIR}/client-tls/{instance.name}"


def _keystore_volumes(instance: Instance) -> list[Obj]:
    if not instance.tls:
        return []
    password = [builders.item(KEYSTORE_PASSWORD, "keystore.pass")]
    return [
        {
            "name": "keystore",
            "secret": {"secretName": f"{instance.name}-tls", "items": [builders.item("keystore.p12")]},
        },
        {"name": "keystore-pass", "secret": {"secretName": specs.keystore_secret(instance), "items": password}},
    ]


def environment(instance: Instance) -> list[Obj]:
    """Return the environment of the application; a variable follows those that it refers to."""
    level = instance.spec.logging_options.core_log_level if instance.spec.logging_options else None
    audit = instance.spec.enable_audit
    keystore = [
        builders.env("SSL_KEYSTORE", f"{_client_tls(instance)}-tls/keystore.p12"),
        builders.env("SSL_KEYSTORE_PASS_FILE", f"{_client_tls(instance)}-keystore/keystore.pass"),
    ]
    return [
        builders.env("QUARKUS_LOG_LEVEL", level or LOG_LEVEL),
        builders.env("QUARKUS_HTTP_HOST", "localhost"),
        builders.env("QUARKUS_HTTP_PORT", str(names.PORT_APPLICATION)),
        builders.env("QUARKUS_HTTP_LIMITS_MAX_BODY_SIZE", MAX_BODY_SIZE),
        builders.env("QUARKUS_HTTP_PROXY_PROXY_ADDRESS_FORWARDING", "true"),
        builders.env("QUARKUS_HTTP_PROXY_TRUSTED_PROXIES", LOOPBACK),
        builders.env("QUARKUS_HTTP_PROXY_ALLOW_X_FORWARDED", "true"),
        builders.env("QUARKUS_HTTP_PROXY_ENABLE_FORWARDED_HOST", "true"),
        builders.env("QUARKUS_HTTP_PROXY_ENABLE_FORWARDED_PREFIX", "true"),
        builders.env("QUARKUS_HIBERNATE_ORM_DATABASE_GENERATION", "none"),
        builders.env("QUARKUS_HIBERNATE_ORM_SQL_LOAD_SCRIPT", "no-file"),
        builders.env("QUARKUS_DATASOURCE_USERNAME", "cryostat"),
        builders.env("CRYOSTAT_CONFIG_PATH", "/opt/cryostat.d/conf.d"),
        builders.env("CRYOSTAT_TEMPLATE_PATH", "/opt/cryostat.d/templates.d"),
        builders.env("QUARKUS_S3_SYNC_CLIENT_TLS_KEY_MANAGERS_PROVIDER_TYPE", "none"),
        builders.env("QUARKUS_S3_SYNC_CLIENT_TLS_TRUST_MANAGERS_PROVIDER_TYPE", storage.trust(instance)),
        # Since 4.2 the application uploads with the asynchronous client.
        builders.env("QUARKUS_S3_ASYNC_CLIENT_TLS_KEY_MANAGERS_PROVIDER_TYPE", "none"),
        builders.env("QUARKUS_S3_ASYNC_CLIENT_TLS_TRUST_MANAGERS_PROVIDER_TYPE", storage.trust(instance)),
        builders.env("QUARKUS_S3_AWS_CREDENTIALS_TYPE", "static"),
        *([] if audit is None else [builders.env("CRYOSTAT_AUDIT_ENABLED", builders.bool_text(audit))]),
        *(keystore if instance.tls else []),
        *database.core_environment(instance),
        *storage.credentials(instance),
        *storage.core_environment(instance),
        *reports.core_environment(instance),
        *_insights_environment(instance),
        *_connection_environment(instance),
        *_discovery_environment(instance),
        builders.env("GRAFANA_DATASOURCE_URL", datasource.URL),
        # Relative to the address that users open: a Route, an Ingress, a load balancer or a forwarded port.
        builders.env("GRAFANA_DASHBOARD_EXT_URL", grafana.EXTERNAL_PATH),
        builders.env("GRAFANA_DASHBOARD_URL", grafana.INTERNAL_URL),
        *_agent_environment(instance),
        *agent_gateway.core_environment(instance),
    ]


def _insights_environment(instance: Instance) -> list[Obj]:
    proxy = instance.settings.insights_proxy
    return [builders.env("INSIGHTS_PROXY", proxy)] if proxy and instance.openshift else []


def _connection_environment(instance: Instance) -> list[Obj]:
    options = instance.spec.target_connection_cache_options
    # For the application 0 means no limit, too.
    size = (options.target_cache_size if options else None) or CONNECTIONS
    ttl = (options.target_cache_ttl if options else None) or CONNECTION_SECONDS
    return [
        builders.env("CRYOSTAT_CONNECTIONS_MAX_OPEN", str(size)),
        builders.env("CRYOSTAT_CONNECTIONS_TTL", str(ttl)),
    ]


def _discovery_environment(instance: Instance) -> list[Obj]:
    options = instance.spec.target_discovery_options
    if options and options.disable_built_in_discovery:
        return [builders.env("CRYOSTAT_DISCOVERY_KUBERNETES_ENABLED", "false")]
    default_names = () if options and options.disable_built_in_port_names else PORT_NAMES
    default_numbers = () if options and options.disable_built_in_port_numbers else PORT_NUMBERS
    port_names = (options.discovery_port_names if options else None) or default_names
    port_numbers = (options.discovery_port_numbers if options else None) or default_numbers
    servers = instance.snapshot.api_server
    ipv6_only = all(":" in each for each in servers) if servers else workloads.has_variable(instance, _IPV6_ONLY)
    return [
        builders.env("CRYOSTAT_DISCOVERY_KUBERNETES_ENABLED", "true"),
        builders.env("CRYOSTAT_DISCOVERY_KUBERNETES_NAMESPACES", ",".join(instance.target_namespaces)),
        builders.env("CRYOSTAT_DISCOVERY_KUBERNETES_PORT_NAMES", builders.escape_expansion(",".join(port_names))),
        builders.env("CRYOSTAT_DISCOVERY_KUBERNETES_PORT_NUMBERS", ",".join(map(str, port_numbers))),
        # The application leaves out IPv6 addresses by default, so that pods with both kinds are discovered once.
        *([builders.env(_IPV6_ONLY, "true")] if ipv6_only else []),
    ]


def _agent_environment(instance: Instance) -> list[Obj]:
    options = instance.spec.agent_options
    verify = not (options and options.disable_hostname_verification)
    # Without the certificates of the instance agents can be called by plain HTTP only.
    insecure = not instance.tls or bool(options and options.allow_insecure)
    return [
        *([] if verify else [builders.env("QUARKUS_REST_CLIENT_VERIFY_HOST", "false")]),
        *([builders.env("CRYOSTAT_AGENT_TLS_REQUIRED", "false")] if insecure else []),
    ]
