"""The gateway that agents call (nginx in the main pod), and the Services for calling them back."""

from __future__ import annotations

from .. import k8s, names, targets, text, workload
from ..instance import Instance
from ..plan import Key, Obj, Part, Waiting

PART = "agent_gateway"
REQUESTS = ("50m", "64Mi")
LIMITS = ("500m", "200Mi")
CONFIG_VOLUME = "agent-proxy-config"
CONFIG_DIRECTORY = "/etc/nginx-cryostat"
TLS_VOLUME = "agent-proxy-tls-secret"

# All that agents ask of the application.
PREFIXES = (
    "/health",
    "/api/v4/discovery",
    "/api/v4.2/discovery",
    "/api/v4.3/discovery",
    "/api/beta/diagnostics",
    "/api/beta/recordings",
    "/api/beta/targets",
)
# Mozilla's intermediate recommendation.
CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
    "DHE-RSA-AES128-GCM-SHA256",
    "DHE-RSA-AES256-GCM-SHA384",
    "DHE-RSA-CHACHA20-POLY1305",
)


def part(i: Instance) -> Part:
    name = names.agent_callback_service(i.namespace, i.name)
    missing = targets.unreachable(i)
    return Part(
        PART,
        objects=(config_map(i), service(i), *(callback_service(i, target) for target in i.reachable_targets)),
        waiting=tuple(Waiting(Key("Service", target, name), problem) for target, problem in missing.items()),
    )


def config_map(i: Instance) -> Obj:
    config = text.render(
        "nginx.conf.j2",
        server_name=f"{i.name}-agent.{i.namespace}.svc",
        application_port=names.PORT_APPLICATION,
        port=names.PORT_AGENT_GATEWAY,
        health_port=names.PORT_AGENT_GATEWAY_HEALTH,
        tls=_tls_directory(i) if i.tls else None,
        directory=CONFIG_DIRECTORY,
        ciphers=CIPHERS,
        prefixes=PREFIXES,
    )
    data = {"nginx.conf": config}
    if i.tls:
        data["dhparam.pem"] = text.render("dhparam.pem.j2").rstrip("\n")
    return k8s.owned(i, "ConfigMap", config_name(i)) | {"data": data}


def config_name(i: Instance) -> str:
    return f"{i.name}-agent-proxy"


def _tls_directory(i: Instance) -> str:
    return f"{names.SECRETS_DIR}/{i.name}-agent-tls"


def container(i: Instance) -> Obj:
    resources, security = i.spec.resources, i.spec.security_options
    return {
        "name": f"{i.name}-agent-proxy",
        **workload.image(i, "agent-proxy"),
        "command": ["nginx", "-c", f"{CONFIG_DIRECTORY}/nginx.conf", "-g", "daemon off;"],
        "ports": [{"containerPort": names.PORT_AGENT_GATEWAY}, {"containerPort": names.PORT_AGENT_GATEWAY_HEALTH}],
        "volumeMounts": [
            k8s.mount(CONFIG_VOLUME, CONFIG_DIRECTORY),
            *([k8s.mount(TLS_VOLUME, _tls_directory(i))] if i.tls else []),
        ],
        "livenessProbe": k8s.http_get("/healthz", names.PORT_AGENT_GATEWAY_HEALTH),
        "resources": k8s.resources(resources.agent_proxy_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": k8s.container_security_context(security.agent_proxy_security_context if security else None),
    }


def volumes(i: Instance) -> list[Obj]:
    """Volumes of this container in the main pod."""
    tls = {"secretName": f"{i.name}-agent-tls", "defaultMode": k8s.READ_ONLY_MODE}
    config = {"name": config_name(i), "defaultMode": k8s.READ_ONLY_MODE}
    return [
        *([{"name": TLS_VOLUME, "secret": tls}] if i.tls else []),
        {"name": CONFIG_VOLUME, "configMap": config},
    ]


def service(i: Instance) -> Obj:
    config = i.spec.service_options.agent_gateway_config if i.spec.service_options else None
    port = (config.http_port if config else None) or names.PORT_AGENT_GATEWAY
    return workload.service(i, f"{i.name}-agent", "cryostat-agent-gateway", config) | {
        "spec": {
            "type": workload.service_type(config),
            "selector": workload.pod_labels(i, workload.CORE),
            "ports": [{"name": "http", "port": port, "targetPort": names.PORT_AGENT_GATEWAY}],
        }
    }


def callback_service(i: Instance, target: str) -> Obj:
    """Gives each agent's pod a name in DNS, under which its certificate is valid."""
    config = i.spec.service_options.agent_callback_config if i.spec.service_options else None
    labels = dict((config.labels if config else None) or {}) | workload.service_labels(i, "cryostat-agent-callback")
    name = names.agent_callback_service(i.namespace, i.name)
    obj = k8s.annotate(k8s.marked(i, "Service", name, target, labels), config.annotations if config else None)
    return obj | {
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            # Agents register while their JVM starts, long before the pod is ready.
            "publishNotReadyAddresses": True,
            "selector": {names.AGENT_LABEL_NAME: i.name, names.AGENT_LABEL_NAMESPACE: i.namespace},
        }
    }
