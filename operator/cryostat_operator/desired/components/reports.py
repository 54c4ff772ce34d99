"""The report generators: their Service and Deployment, where replicas are asked for."""

from __future__ import annotations

from decimal import ROUND_CEILING
from typing import Any

from .. import k8s, names, workload
from ..instance import Instance
from ..plan import Obj, Part
from . import storage

PART = "reports"
REQUESTS = ("2", "512Mi")
LIMITS = ("4", "2Gi")
STORAGE_TLS_VOLUME = "storage-tls-truststore"
TLS_VOLUME = "reports-tls-secret"


def part(i: Instance) -> Part:
    return Part(PART, objects=(service(i), deployment(i)) if wanted(i) else ())


def wanted(i: Instance) -> bool:
    """Whether the application hands reports over; otherwise it makes them itself."""
    return i.report_replicas > 0


def name(i: Instance) -> str:
    return f"{i.name}-reports"


def port(i: Instance) -> int:
    config = i.spec.service_options.reports_config if i.spec.service_options else None
    return (config.http_port if config else None) or names.PORT_REPORTS


def service(i: Instance) -> Obj:
    config = i.spec.service_options.reports_config if i.spec.service_options else None
    return workload.service(i, name(i), PART, config) | {
        "spec": {
            "type": workload.service_type(config),
            "selector": workload.pod_labels(i, PART),
            "ports": [{"name": "http", "port": port(i), "targetPort": names.PORT_REPORTS}],
        }
    }


def core_environment(i: Instance) -> list[Obj]:
    """How the application reaches the report generators."""
    if not wanted(i):
        return []
    return [k8s.env("QUARKUS_REST_CLIENT_REPORTS_URL", f"{i.scheme}://{name(i)}:{port(i)}")]


def deployment(i: Instance) -> Obj:
    options = i.spec.report_options
    security = options.security_options if options else None
    context = security.pod_security_context if security else None
    return workload.deployment(
        i,
        PART,
        {
            "replicas": i.report_replicas,
            "pod": {
                "automountServiceAccountToken": False,
                "containers": [container(i)],
                "securityContext": k8s.pod_security_context(i, context, fs_group=False),
                **workload.scheduling(options.scheduling_options if options else None),
                **({"volumes": _volumes(i)} if i.tls else {}),
            },
        },
    )


def container(i: Instance) -> Obj:
    options = i.spec.report_options
    security = options.security_options if options else None
    resources = k8s.resources(options.resources if options else None, REQUESTS, LIMITS)
    return {
        "name": name(i),
        **workload.image(i, "reports"),
        "ports": [{"containerPort": names.PORT_REPORTS}],
        "env": [
            k8s.env("QUARKUS_HTTP_HOST", "0.0.0.0"),  # noqa: S104 - the application calls it
            *(_tls_environment(i) if i.tls else [k8s.env("QUARKUS_HTTP_PORT", str(names.PORT_REPORTS))]),
            k8s.env("JAVA_OPTS_APPEND", java_options(i, resources)),
        ],
        "volumeMounts": [
            *([k8s.mount(STORAGE_TLS_VOLUME, storage.tls_directory(i))] if i.tls else []),
            *([k8s.mount(TLS_VOLUME, _tls_directory(i))] if i.tls else []),
        ],
        "livenessProbe": k8s.http_get("/health", names.PORT_REPORTS, i.scheme),
        "startupProbe": k8s.http_get("/health", names.PORT_REPORTS, i.scheme),
        "resources": resources,
        "securityContext": k8s.container_security_context(security.reports_security_context if security else None),
    }


def java_options(i: Instance, resources: Obj) -> str:
    """Options of the JVM: as many parser threads as the container may use CPUs."""
    cpus = processors(resources)
    options = [
        "-XX:+PrintCommandLineFlags",
        f"-XX:ActiveProcessorCount={cpus}",
        f"-Dorg.openjdk.jmc.flightrecorder.parser.singlethreaded={k8s.flag(cpus < 2)}",
    ]
    if i.tls:
        options += [
            "-Dquarkus.http.tls-configuration-name=https",
            "-Dquarkus.tls.https.reload-period=1h",
            f"-Dquarkus.tls.https.key-store.pem.0.cert={_tls_directory(i)}/tls.crt",
            f"-Dquarkus.tls.https.key-store.pem.0.key={_tls_directory(i)}/tls.key",
        ]
    return " ".join(options)


def processors(resources: dict[str, Any]) -> int:
    """Whole CPUs of the limit, or of the request where CPU has no limit; at least one."""
    cpu = (resources.get("limits") or {}).get("cpu", resources["requests"]["cpu"])
    return max(1, int(k8s.quantity(cpu).to_integral_value(ROUND_CEILING)))


def _tls_directory(i: Instance) -> str:
    return f"{names.SECRETS_DIR}/{i.name}-reports-tls"


def _tls_environment(i: Instance) -> list[Obj]:
    tls = storage.tls_directory(i)
    trust = [
        k8s.env("CRYOSTAT_STORAGE_TLS_CA_PATH", f"{tls}/ca.crt"),
        k8s.env("CRYOSTAT_STORAGE_TLS_CERT_PATH", f"{tls}/tls.crt"),
    ]
    return [
        k8s.env("QUARKUS_HTTP_SSL_PORT", str(names.PORT_REPORTS)),
        k8s.env("QUARKUS_HTTP_INSECURE_REQUESTS", "disabled"),
        *([] if i.external_storage else trust),
    ]


def _volumes(i: Instance) -> list[Obj]:
    items = [k8s.item("ca.crt"), k8s.item("tls.crt")]
    return [
        {"name": STORAGE_TLS_VOLUME, "secret": {"secretName": f"{i.name}-storage-tls", "items": items}},
        {"name": TLS_VOLUME, "secret": {"secretName": f"{i.name}-reports-tls"}},
    ]
