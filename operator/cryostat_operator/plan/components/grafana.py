"""Grafana: the container in the main pod that shows dashboards of recordings."""

from __future__ import annotations

from .. import builders, workloads
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj

REQUESTS = ("100m", "192Mi")
LIMITS = ("1", "384Mi")
STARTUP_SECONDS = 300  # as of the Go operator
# Addresses for the application, and for browsers through the authentication proxy.
INTERNAL_URL = f"http://localhost:{names.PORT_GRAFANA}"
EXTERNAL_PATH = "/grafana/"


def container(instance: Instance) -> Obj:
    resources, security = instance.spec.resources, instance.spec.security_options
    return {
        "name": f"{instance.name}-grafana",
        **workloads.image(instance, "grafana"),
        "ports": [{"containerPort": names.PORT_GRAFANA}],
        "env": [
            builders.env("GF_AUTH_ANONYMOUS_ENABLED", "true"),
            builders.env("GF_SERVER_DOMAIN", "localhost"),
            builders.env("GF_SERVER_SERVE_FROM_SUB_PATH", "true"),
            builders.env("JFR_DATASOURCE_URL", f"http://127.0.0.1:{names.PORT_DATASOURCE}"),
            builders.env("GF_SERVER_ROOT_URL", f"http://localhost:{names.PORT_AUTH_PROXY}{EXTERNAL_PATH}"),
        ],
        "livenessProbe": builders.http_get("/api/health", names.PORT_GRAFANA),
        "startupProbe": builders.startup_probe(builders.http_get("/api/health", names.PORT_GRAFANA), STARTUP_SECONDS),
        "resources": builders.resources(resources.grafana_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": builders.container_security_context(security.grafana_security_context if security else None),
    }
