"""jfr-datasource: the container in the main pod that turns recordings into data for Grafana."""

from __future__ import annotations

from .. import builders, workloads
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj
from . import storage

REQUESTS = ("200m", "200Mi")
LIMITS = ("500m", "500Mi")
URL = f"http://127.0.0.1:{names.PORT_DATASOURCE}"


def container(instance: Instance) -> Obj:
    resources, security = instance.spec.resources, instance.spec.security_options
    tls_dir = storage.tls_directory(instance)
    managed_tls = instance.tls and not instance.external_storage
    probe = builders.exec_probe("curl", "--fail", URL, timeoutSeconds=builders.EXEC_TIMEOUT_SECONDS)
    return {
        "name": f"{instance.name}-jfr-datasource",
        **workloads.image(instance, "datasource"),
        "ports": [{"containerPort": names.PORT_DATASOURCE}],
        "env": [
            builders.env("QUARKUS_HTTP_HOST", "127.0.0.1"),
            builders.env("QUARKUS_HTTP_PORT", str(names.PORT_DATASOURCE)),
            *([builders.env("CRYOSTAT_STORAGE_TLS_CA_PATH", f"{tls_dir}/s3/ca.crt")] if managed_tls else []),
            *storage.external_reader_environment(instance),
            *([builders.env("CRYOSTAT_STORAGE_TLS_CERT_PATH", f"{tls_dir}/s3/tls.crt")] if managed_tls else []),
        ],
        "volumeMounts": [builders.mount(storage.TLS_VOLUME, tls_dir)] if instance.tls else [],
        "livenessProbe": probe,
        "startupProbe": builders.startup_probe(probe, builders.JVM_STARTUP_SECONDS),
        "resources": builders.resources(resources.data_source_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": builders.container_security_context(
            security.data_source_security_context if security else None
        ),
    }
