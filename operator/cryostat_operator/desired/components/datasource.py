"""jfr-datasource: the container in the main pod that turns recordings into data for Grafana."""

from __future__ import annotations

from .. import k8s, names, workload
from ..instance import Instance
from ..plan import Obj
from . import storage

REQUESTS = ("200m", "200Mi")
LIMITS = ("500m", "500Mi")
URL = f"http://127.0.0.1:{names.PORT_DATASOURCE}"


def container(i: Instance) -> Obj:
    resources, security = i.spec.resources, i.spec.security_options
    tls_dir = storage.tls_directory(i)
    managed_tls = i.tls and not i.external_storage
    return {
        "name": f"{i.name}-jfr-datasource",
        **workload.image(i, "datasource"),
        "ports": [{"containerPort": names.PORT_DATASOURCE}],
        "env": [
            k8s.env("QUARKUS_HTTP_HOST", "127.0.0.1"),
            k8s.env("QUARKUS_HTTP_PORT", str(names.PORT_DATASOURCE)),
            *([k8s.env("CRYOSTAT_STORAGE_TLS_CA_PATH", f"{tls_dir}/s3/ca.crt")] if managed_tls else []),
            *([k8s.env("CRYOSTAT_STORAGE_TLS_CERT_PATH", f"{tls_dir}/s3/tls.crt")] if managed_tls else []),
        ],
        "volumeMounts": [k8s.mount(storage.TLS_VOLUME, tls_dir)] if i.tls else [],
        "livenessProbe": k8s.exec_probe("curl", "--fail", URL),
        "resources": k8s.resources(resources.data_source_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": k8s.container_security_context(security.data_source_security_context if security else None),
    }
