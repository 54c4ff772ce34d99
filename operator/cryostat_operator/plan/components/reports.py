"""The report generators: their Service and Deployment, if the spec has replicas."""

from __future__ import annotations

from decimal import ROUND_CEILING
from typing import Any

from .. import builders, quantities, workloads
from ..instance import Instance
from ..model import names
from ..model.desired_state import ComponentPlan
from ..model.kinds import Obj
from ..model.managed_fields import scaled_by
from ..model.problems import Problem
from ..model.reasons import Reason
from . import storage

NAME = "reports"
REQUESTS = ("2", "512Mi")
LIMITS = ("4", "2Gi")
STORAGE_TLS_VOLUME = "storage-tls-truststore"
TLS_VOLUME = "reports-tls-secret"
# The image sets these in JAVA_OPTS_APPEND, which is replaced here. One recording too large for the memory must not end
# the process.
IMAGE_OPTIONS = ("-XX:-ExitOnOutOfMemoryError", "-Djava.util.logging.manager=org.jboss.logmanager.LogManager")


def build(instance: Instance) -> ComponentPlan:
    """Return the Service and the Deployment; nothing if the spec has no replicas."""
    if not is_enabled(instance):
        return ComponentPlan(NAME)
    return ComponentPlan(NAME, objects=(service(instance), deployment(instance)), warnings=_warnings(instance))


def _warnings(instance: Instance) -> tuple[Problem, ...]:
    """Return a notice while another client scales the report generators."""
    manager = _scaled_by(instance)
    if not manager or instance.hibernation_requested:
        return ()
    where = f"Deployment {instance.namespace}/{name(instance)}"
    message = (
        f"spec.reportOptions.replicas has no effect: {manager} scales {where}, for example for a "
        f"HorizontalPodAutoscaler. To use the field again, delete the autoscaler, then the Deployment."
    )
    return (Problem(NAME, Reason.REPLICAS_SCALED, message),)


def _scaled_by(instance: Instance) -> str:
    live = instance.live("Deployment", name(instance))
    return scaled_by(live) if live else ""


def replicas(instance: Instance) -> int:
    """Return the number of report generators: the live one while another client scales them, else that of the spec."""
    live = instance.live("Deployment", name(instance))
    if live and scaled_by(live):
        return int(live["spec"].get("replicas", 1))
    return instance.report_replicas


def is_enabled(instance: Instance) -> bool:
    """Return whether there are report generators; otherwise the application generates reports itself."""
    return instance.report_replicas > 0


def name(instance: Instance) -> str:
    return f"{instance.name}-reports"


def port(instance: Instance) -> int:
    """Return the port of the Service. The port of the container is fixed."""
    config = instance.spec.service_options.reports_config if instance.spec.service_options else None
    return workloads.service_port(config, names.PORT_REPORTS)


def service(instance: Instance) -> Obj:
    config = instance.spec.service_options.reports_config if instance.spec.service_options else None
    service_port = {"name": "http", "port": port(instance), "targetPort": names.PORT_REPORTS}
    return workloads.service(instance, name(instance), NAME, config, service_port)


def core_environment(instance: Instance) -> list[Obj]:
    """Return the variable with which the application reaches the report generators."""
    if not is_enabled(instance):
        return []
    return [builders.env("QUARKUS_REST_CLIENT_REPORTS_URL", f"{instance.scheme}://{name(instance)}:{port(instance)}")]


def deployment(instance: Instance) -> Obj:
    options = instance.spec.report_options
    security = options.security_options if options else None
    context = security.pod_security_context if security else None
    return workloads.deployment(
        instance,
        NAME,
        {
            "replicas": replicas(instance),
            "pod": {
                "automountServiceAccountToken": False,
                "containers": [container(instance)],
                "securityContext": builders.pod_security_context(instance, context, fs_group=False),
                **workloads.scheduling(options.scheduling_options if options else None),
                **({"volumes": _volumes(instance)} if instance.tls else {}),
            },
        },
    )


def container(instance: Instance) -> Obj:
    options = instance.spec.report_options
    security = options.security_options if options else None
    resources = builders.resources(options.resources if options else None, REQUESTS, LIMITS)
    probe = builders.http_get("/health", names.PORT_REPORTS, instance.scheme)
    return {
        "name": name(instance),
        **workloads.image(instance, "reports"),
        "ports": [{"containerPort": names.PORT_REPORTS}],
        "env": [
            builders.env("QUARKUS_HTTP_HOST", names.ALL_ADDRESSES),
            *(
                _tls_environment(instance)
                if instance.tls
                else [builders.env("QUARKUS_HTTP_PORT", str(names.PORT_REPORTS))]
            ),
            *storage.external_reader_environment(instance),
            builders.env("JAVA_OPTS_APPEND", java_options(instance, resources)),
        ],
        "volumeMounts": [
            *([builders.mount(STORAGE_TLS_VOLUME, storage.tls_directory(instance))] if instance.tls else []),
            *([builders.mount(TLS_VOLUME, _tls_directory(instance))] if instance.tls else []),
        ],
        "livenessProbe": probe,
        "startupProbe": builders.startup_probe(probe, builders.JVM_STARTUP_SECONDS),
        "resources": resources,
        "securityContext": builders.container_security_context(security.reports_security_context if security else None),
    }


def java_options(instance: Instance, resources: Obj) -> str:
    """Return the options of the JVM. The parser uses as many threads as the container may use CPUs."""
    cpus = processors(resources)
    options = [
        *IMAGE_OPTIONS,
        "-XX:+PrintCommandLineFlags",
        f"-XX:ActiveProcessorCount={cpus}",
        f"-Dorg.openjdk.jmc.flightrecorder.parser.singlethreaded={builders.bool_text(cpus < 2)}",
    ]
    if instance.tls:
        options += [
            "-Dquarkus.http.tls-configuration-name=https",
            "-Dquarkus.tls.https.reload-period=1h",
            f"-Dquarkus.tls.https.key-store.pem.0.cert={_tls_directory(instance)}/tls.crt",
            f"-Dquarkus.tls.https.key-store.pem.0.key={_tls_directory(instance)}/tls.key",
        ]
    return " ".join(options)


def processors(resources: dict[str, Any]) -> int:
    """Return the whole CPUs of the limit, or of the request where CPU has no limit; at least one."""
    cpu = (resources.get("limits") or {}).get("cpu", resources["requests"]["cpu"])
    return max(1, int(quantities.quantity(cpu).to_integral_value(ROUND_CEILING)))


def _tls_directory(instance: Instance) -> str:
    return f"{names.SECRETS_DIR}/{instance.name}-reports-tls"


def _tls_environment(instance: Instance) -> list[Obj]:
    tls = storage.tls_directory(instance)
    trust = [
        builders.env("CRYOSTAT_STORAGE_TLS_CA_PATH", f"{tls}/ca.crt"),
        builders.env("CRYOSTAT_STORAGE_TLS_CERT_PATH", f"{tls}/tls.crt"),
    ]
    return [
        builders.env("QUARKUS_HTTP_SSL_PORT", str(names.PORT_REPORTS)),
        builders.env("QUARKUS_HTTP_INSECURE_REQUESTS", "disabled"),
        *([] if instance.external_storage else trust),
    ]


def _volumes(instance: Instance) -> list[Obj]:
    items = [builders.item("ca.crt"), builders.item("tls.crt")]
    return [
        {"name": STORAGE_TLS_VOLUME, "secret": {"secretName": f"{instance.name}-storage-tls", "items": items}},
        {"name": TLS_VOLUME, "secret": {"secretName": f"{instance.name}-reports-tls"}},
    ]
