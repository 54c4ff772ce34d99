"""The application: its container, and the main Deployment that it shares with Grafana and the proxies."""

from __future__ import annotations

from .. import k8s, names, workload
from ..instance import Instance
from ..plan import Key, Obj, Part, Problem, Random, SecretOrder
from . import agent_gateway, auth_proxy, database, datasource, files, grafana, leaves, reports, storage

PART = "core"
REQUESTS = ("1250m", "512Mi")
LIMITS = ("2", "1Gi")
LOG_LEVEL = "INFO"
CONNECTIONS = -1  # no limit
CONNECTION_SECONDS = 10
PORT_NAMES = ("jfr-jmx",)
PORT_NUMBERS = (9091,)
_HEALTH = f"http://localhost:{names.PORT_APPLICATION}/health/liveness"


def part(i: Instance) -> Part:
    # An object that only one controller can own: a second operator on the same Cryostat shows at once.
    lock = k8s.owned(i, "ConfigMap", f"{i.name}-lock")
    if not i.tls:
        return Part(PART, objects=(lock, deployment(i)))
    keystore = k8s.owned(i, "Secret", leaves.keystore_secret(i)) | {"type": "Opaque"}
    order = SecretOrder(Key("Secret", i.namespace, leaves.keystore_secret(i)), {leaves.KEYSTORE_PASSWORD: Random(20)})
    return Part(PART, objects=(lock, keystore, deployment(i)), orders=(order,))


def notices(i: Instance) -> tuple[Problem, ...]:
    """Settings that have no effect."""
    if not i.spec.report_options or i.spec.report_options.sub_process_max_heap_size is None:
        return ()
    message = "reportOptions.subProcessMaxHeapSize has no effect: the application makes reports without a subprocess."
    return (Problem(PART, "SubProcessMaxHeapSizeIgnored", message),)


def deployment(i: Instance) -> Obj:
    security = i.spec.security_options
    volumes = [
        *auth_proxy.volumes(i),
        *agent_gateway.volumes(i),
        *_keystore_volumes(i),
        *storage.core_volumes(i),
        *database.core_volumes(i),
        files.certificates(i),
    ]
    given = files.draw(i, (volume["name"] for volume in volumes))
    return workload.deployment(
        i,
        workload.CORE,
        {
            "replicas": 1,
            "strategy": workload.RECREATE,
            "pod": {
                "serviceAccountName": i.name,
                "automountServiceAccountToken": True,
                "containers": [
                    container(i, given.mounts),
                    grafana.container(i),
                    datasource.container(i),
                    auth_proxy.container(i),
                    agent_gateway.container(i),
                ],
                "securityContext": k8s.pod_security_context(i, security.pod_security_context if security else None),
                **workload.scheduling(i.spec.scheduling_options),
                "volumes": [*volumes, *given.volumes],
            },
        },
    )


def container(i: Instance, file_mounts: list[Obj]) -> Obj:
    resources, security = i.spec.resources, i.spec.security_options
    tls_mounts = [
        k8s.mount(storage.TLS_VOLUME, "/truststore/storage"),
        k8s.mount("keystore", f"{_client_tls(i)}-tls"),
        k8s.mount("keystore-pass", f"{_client_tls(i)}-keystore"),
        k8s.mount(database.TLS_VOLUME, database.tls_directory(i)),
    ]
    return {
        "name": i.name,
        **workload.image(i, "core"),
        "ports": [{"containerPort": names.PORT_APPLICATION}],
        "env": environment(i),
        "volumeMounts": [
            k8s.mount(files.CERTIFICATES_VOLUME, files.CERTIFICATES_DIRECTORY),
            *(tls_mounts if i.tls else []),
            *file_mounts,
        ],
        "livenessProbe": k8s.exec_probe("curl", "--fail", _HEALTH),
        "startupProbe": k8s.exec_probe("curl", "--fail", _HEALTH, failureThreshold=18),
        "resources": k8s.resources(resources.core_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": k8s.container_security_context(security.core_security_context if security else None),
    }


def _client_tls(i: Instance) -> str:
    return f"{names.SECRETS_DIR}/client-tls/{i.name}"


def _keystore_volumes(i: Instance) -> list[Obj]:
    if not i.tls:
        return []
    password = [k8s.item(leaves.KEYSTORE_PASSWORD, "keystore.pass")]
    return [
        {"name": "keystore", "secret": {"secretName": f"{i.name}-tls", "items": [k8s.item("keystore.p12")]}},
        {"name": "keystore-pass", "secret": {"secretName": leaves.keystore_secret(i), "items": password}},
    ]


def environment(i: Instance) -> list[Obj]:
    """The application's environment; variables that are made of others stand after them."""
    level = i.spec.logging_options.core_log_level if i.spec.logging_options else None
    audit = i.spec.enable_audit
    keystore = [
        k8s.env("SSL_KEYSTORE", f"{_client_tls(i)}-tls/keystore.p12"),
        k8s.env("SSL_KEYSTORE_PASS_FILE", f"{_client_tls(i)}-keystore/keystore.pass"),
    ]
    return [
        k8s.env("QUARKUS_LOG_LEVEL", level or LOG_LEVEL),
        k8s.env("QUARKUS_HTTP_HOST", "localhost"),
        k8s.env("QUARKUS_HTTP_PORT", str(names.PORT_APPLICATION)),
        k8s.env("QUARKUS_HTTP_PROXY_PROXY_ADDRESS_FORWARDING", "true"),
        k8s.env("QUARKUS_HTTP_PROXY_ALLOW_X_FORWARDED", "true"),
        k8s.env("QUARKUS_HTTP_PROXY_ENABLE_FORWARDED_HOST", "true"),
        k8s.env("QUARKUS_HTTP_PROXY_ENABLE_FORWARDED_PREFIX", "true"),
        k8s.env("QUARKUS_HIBERNATE_ORM_DATABASE_GENERATION", "none"),
        k8s.env("QUARKUS_HIBERNATE_ORM_SQL_LOAD_SCRIPT", "no-file"),
        k8s.env("QUARKUS_DATASOURCE_USERNAME", "cryostat"),
        k8s.env("CRYOSTAT_CONFIG_PATH", "/opt/cryostat.d/conf.d"),
        k8s.env("CRYOSTAT_TEMPLATE_PATH", "/opt/cryostat.d/templates.d"),
        k8s.env("QUARKUS_S3_SYNC_CLIENT_TLS_KEY_MANAGERS_PROVIDER_TYPE", "none"),
        k8s.env("QUARKUS_S3_SYNC_CLIENT_TLS_TRUST_MANAGERS_PROVIDER_TYPE", storage.trust(i)),
        k8s.env("QUARKUS_S3_AWS_CREDENTIALS_TYPE", "static"),
        *([] if audit is None else [k8s.env("CRYOSTAT_AUDIT_ENABLED", k8s.flag(audit))]),
        *(keystore if i.tls else []),
        *database.core_environment(i),
        *storage.credentials(i),
        *storage.core_environment(i),
        *reports.core_environment(i),
        *_insights_environment(i),
        *_connection_environment(i),
        *_discovery_environment(i),
        k8s.env("GRAFANA_DATASOURCE_URL", datasource.URL),
        # Relative to whatever address people use: a Route, an Ingress, a load balancer or a forwarded port.
        k8s.env("GRAFANA_DASHBOARD_EXT_URL", grafana.EXTERNAL_PATH),
        k8s.env("GRAFANA_DASHBOARD_URL", grafana.INTERNAL_URL),
        *_agent_environment(i),
    ]


def _insights_environment(i: Instance) -> list[Obj]:
    proxy = i.settings.insights_proxy
    return [k8s.env("INSIGHTS_PROXY", proxy)] if proxy and i.openshift else []


def _connection_environment(i: Instance) -> list[Obj]:
    options = i.spec.target_connection_cache_options
    # To the application 0 means «no limit» too.
    size = (options.target_cache_size if options else None) or CONNECTIONS
    ttl = (options.target_cache_ttl if options else None) or CONNECTION_SECONDS
    return [k8s.env("CRYOSTAT_CONNECTIONS_MAX_OPEN", str(size)), k8s.env("CRYOSTAT_CONNECTIONS_TTL", str(ttl))]


def _discovery_environment(i: Instance) -> list[Obj]:
    options = i.spec.target_discovery_options
    if options and options.disable_built_in_discovery:
        return [k8s.env("CRYOSTAT_DISCOVERY_KUBERNETES_ENABLED", "false")]
    default_names = () if options and options.disable_built_in_port_names else PORT_NAMES
    default_numbers = () if options and options.disable_built_in_port_numbers else PORT_NUMBERS
    port_names = (options.discovery_port_names if options else None) or default_names
    port_numbers = (options.discovery_port_numbers if options else None) or default_numbers
    return [
        k8s.env("CRYOSTAT_DISCOVERY_KUBERNETES_ENABLED", "true"),
        k8s.env("CRYOSTAT_DISCOVERY_KUBERNETES_NAMESPACES", ",".join(i.target_namespaces)),
        k8s.env("CRYOSTAT_DISCOVERY_KUBERNETES_PORT_NAMES", k8s.literal(",".join(port_names))),
        k8s.env("CRYOSTAT_DISCOVERY_KUBERNETES_PORT_NUMBERS", ",".join(map(str, port_numbers))),
    ]


def _agent_environment(i: Instance) -> list[Obj]:
    options = i.spec.agent_options
    verify = not (options and options.disable_hostname_verification)
    # Without certificates of ours agents can only be called by plain HTTP.
    insecure = not i.tls or bool(options and options.allow_insecure)
    return [
        *([] if verify else [k8s.env("QUARKUS_REST_CLIENT_VERIFY_HOST", "false")]),
        *([k8s.env("CRYOSTAT_AGENT_TLS_REQUIRED", "false")] if insecure else []),
    ]
