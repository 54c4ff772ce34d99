"""Grafana: the container in the main pod that shows dashboards of recordings."""

from __future__ import annotations

from .. import k8s, names, workload
from ..instance import Instance
from ..plan import Obj

REQUESTS = ("100m", "192Mi")
LIMITS = ("1", "384Mi")
# As the application calls it, and as browsers do, through the authentication proxy.
INTERNAL_URL = f"http://localhost:{names.PORT_GRAFANA}"
EXTERNAL_PATH = "/grafana/"


def container(i: Instance) -> Obj:
    resources, security = i.spec.resources, i.spec.security_options
    return {
        "name": f"{i.name}-grafana",
        **workload.image(i, "grafana"),
        "ports": [{"containerPort": names.PORT_GRAFANA}],
        "env": [
            k8s.env("GF_AUTH_ANONYMOUS_ENABLED", "true"),
            k8s.env("GF_SERVER_DOMAIN", "localhost"),
            k8s.env("GF_SERVER_SERVE_FROM_SUB_PATH", "true"),
            k8s.env("JFR_DATASOURCE_URL", f"http://127.0.0.1:{names.PORT_DATASOURCE}"),
            k8s.env("GF_SERVER_ROOT_URL", f"http://localhost:{names.PORT_AUTH_PROXY}{EXTERNAL_PATH}"),
        ],
        "livenessProbe": k8s.http_get("/api/health", names.PORT_GRAFANA),
        "startupProbe": k8s.http_get("/api/health", names.PORT_GRAFANA, failureThreshold=30),
        "resources": k8s.resources(resources.grafana_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": k8s.container_security_context(security.grafana_security_context if security else None),
    }
