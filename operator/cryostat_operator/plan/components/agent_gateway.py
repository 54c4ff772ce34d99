"""The agent gateway (nginx in the main pod), which agents call, and the Services for calling agents back.

Behind some authentication proxies, requests of users pass through it, too: see `serves_users`.
"""

from __future__ import annotations

from ...api import constants
from ...api.network_options import AgentGatewayServiceConfig
from .. import builders, targets, text, workloads
from ..instance import Instance
from ..model import names
from ..model.desired_state import Blocked, ComponentPlan
from ..model.kinds import Key, Obj
from . import agent_requests, proxy_headers, proxy_secrets

NAME = "agent_gateway"
REQUESTS = ("50m", "64Mi")
LIMITS = ("500m", "200Mi")
CONFIG_VOLUME = "agent-proxy-config"
CONFIG_DIRECTORY = "/etc/nginx-cryostat"
TLS_VOLUME = "agent-proxy-tls-secret"
USER_GATEWAY = f"http://127.0.0.1:{names.PORT_USER_GATEWAY}"

# Uploads of recordings and heap dumps are answered once they are in the object storage. The value is the time that the
# application itself waits for an agent (its `cryostat.connections.upload-timeout`).
PROXY_TIMEOUT_SECONDS = 1800
# Argo CD treats an object without an owner reference as its own if the label app.kubernetes.io/instance has the name of
# an application. The first annotation keeps it from deleting the object, the second one from reporting the application
# as out of sync.
NOT_PRUNED = {
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
}
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


def build(instance: Instance) -> ComponentPlan:
    """Return the Service and the configuration of the gateway, and a callback Service in each target namespace."""
    name = names.agent_callback_service(instance.namespace, instance.name)
    missing = targets.unreachable(instance)
    return ComponentPlan(
        NAME,
        objects=(
            config_map(instance),
            *proxy_secrets.objects(instance),
            service(instance),
            *(callback_service(instance, target) for target in instance.reachable_targets),
        ),
        requests=tuple(proxy_secrets.requests(instance)),
        blocked=tuple(Blocked(Key("Service", target, name), problem) for target, problem in missing.items()),
    )


def serves_users(instance: Instance) -> bool:
    """Return whether requests of users pass through nginx, between the authentication proxy and the application.

    OpenShift's oauth-proxy cannot remove headers. oauth2-proxy can, but would also send the value of the Secret to
    Grafana, because it sets a header for all upstreams.
    """
    return instance.openshift_login or instance.settings.proxy_secrets


def config_map(instance: Instance) -> Obj:
    """Return the ConfigMap with the configuration of nginx."""
    config = text.render(
        "nginx.conf.j2",
        server_name=f"{instance.name}-agent.{instance.namespace}.svc",
        application_port=names.PORT_APPLICATION,
        port=names.PORT_AGENT_GATEWAY,
        health_port=names.PORT_AGENT_GATEWAY_HEALTH,
        ipv6=_has_ipv6(instance),
        tls=_tls_directory(instance) if instance.tls else None,
        directory=CONFIG_DIRECTORY,
        ciphers=CIPHERS,
        patterns=agent_requests.patterns(),
        timeout_seconds=PROXY_TIMEOUT_SECONDS,
        agent_header=proxy_headers.AGENT_HEADER,
        removed_from_agents=proxy_headers.removed_from_agents(),
        agent_secret=proxy_secrets.include(instance, proxy_secrets.AGENT_GATEWAY),
        removed_from_users=proxy_headers.removed_from_users(openshift=instance.openshift_login),
        user_port=names.PORT_USER_GATEWAY if serves_users(instance) else None,
        user_secret=proxy_secrets.include(instance, proxy_secrets.USER_PROXY),
        openshift_login=instance.openshift_login,
        grafana_port=names.PORT_GRAFANA,
        open_access=instance.open_access,
        health_paths=names.HEALTH_PATHS,
    )
    data = {"nginx.conf": config}
    if instance.tls:
        data["dhparam.pem"] = text.render("dhparam.pem.j2").rstrip("\n")
    return builders.owned(instance, "ConfigMap", config_name(instance)) | {"data": data}


def _has_ipv6(instance: Instance) -> bool:
    """Return whether the API server, its Service or the Service of the gateway has an IPv6 address.

    Otherwise, agents connect with IPv4. In a dual-stack cluster whose first family is IPv4, the Service has no IPv6
    address by default, and a user can add one with `ipFamilyPolicy`.

    nginx does not start with an IPv6 address on a node whose kernel has no IPv6. While not all addresses are known, the
    configuration stays as it is: a change would restart the pod.
    """
    api_service = instance.settings.api_server_service
    addresses = (*instance.snapshot.api_server, *(api_service[:1] if api_service else ()))
    live = instance.live("Service", service_name(instance)) or {}
    families = (live.get("spec") or {}).get("ipFamilies") or ()
    if "IPv6" in families or any(":" in address for address in addresses):
        return True
    if addresses and families:
        return False
    config = instance.live("ConfigMap", config_name(instance)) or {}
    return "listen [::]:" in ((config.get("data") or {}).get("nginx.conf") or "")


def config_name(instance: Instance) -> str:
    """Return the name of the ConfigMap with the configuration of nginx."""
    return f"{instance.name}-agent-proxy"


def _tls_directory(instance: Instance) -> str:
    return f"{names.SECRETS_DIR}/{instance.name}-agent-tls"


def container(instance: Instance) -> Obj:
    resources, security = instance.spec.resources, instance.spec.security_options
    return {
        "name": f"{instance.name}-agent-proxy",
        **workloads.image(instance, "agent-proxy"),
        "command": ["nginx", "-c", f"{CONFIG_DIRECTORY}/nginx.conf", "-g", "daemon off;"],
        "ports": [{"containerPort": names.PORT_AGENT_GATEWAY}, {"containerPort": names.PORT_AGENT_GATEWAY_HEALTH}],
        "volumeMounts": [
            builders.mount(CONFIG_VOLUME, CONFIG_DIRECTORY),
            *([builders.mount(TLS_VOLUME, _tls_directory(instance))] if instance.tls else []),
            *proxy_secrets.mounts(instance),
        ],
        "livenessProbe": builders.http_get("/healthz", names.PORT_AGENT_GATEWAY_HEALTH),
        "resources": builders.resources(resources.agent_proxy_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": builders.container_security_context(
            security.agent_proxy_security_context if security else None
        ),
    }


def volumes(instance: Instance) -> list[Obj]:
    """Return the volumes of this container in the main pod."""
    tls = {"secretName": f"{instance.name}-agent-tls", "defaultMode": builders.READ_ONLY_MODE}
    config = {"name": config_name(instance), "defaultMode": builders.READ_ONLY_MODE}
    return [
        *([{"name": TLS_VOLUME, "secret": tls}] if instance.tls else []),
        {"name": CONFIG_VOLUME, "configMap": config},
        *proxy_secrets.volumes(instance),
    ]


def core_environment(instance: Instance) -> list[Obj]:
    """Return the variables of the application about the proxies in its pod."""
    return proxy_secrets.environment(instance)


def _service_config(instance: Instance) -> AgentGatewayServiceConfig | None:
    return instance.spec.service_options.agent_gateway_config if instance.spec.service_options else None


def service_port(instance: Instance) -> int:
    """Return the port that agents connect to."""
    return workloads.service_port(_service_config(instance), names.PORT_AGENT_GATEWAY)


def service_name(instance: Instance) -> str:
    """Return the name of the Service that agents connect to."""
    return f"{instance.name}-agent"


def service(instance: Instance) -> Obj:
    port = {"name": "http", "port": service_port(instance), "targetPort": names.PORT_AGENT_GATEWAY}
    name, config = service_name(instance), _service_config(instance)
    return workloads.service(instance, name, "cryostat-agent-gateway", config, port, pods=workloads.CORE)


def callback_service(instance: Instance, target: str) -> Obj:
    """Return the headless Service that gives each agent in a target namespace a DNS name for its certificate."""
    config = instance.spec.service_options.agent_callback_config if instance.spec.service_options else None
    labels = dict((config.labels if config else None) or {}) | workloads.service_labels(
        instance, "cryostat-agent-callback"
    )
    name = names.agent_callback_service(instance.namespace, instance.name)
    annotations = {**NOT_PRUNED, **((config.annotations if config else None) or {})}
    obj = builders.annotate(builders.labeled(instance, "Service", name, target, labels), annotations)
    return obj | {
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            # Agents register while their JVM starts, before the pod is ready.
            "publishNotReadyAddresses": True,
            "selector": {
                constants.AGENT_LABEL_NAME: instance.name,
                constants.AGENT_LABEL_NAMESPACE: instance.namespace,
            },
        }
    }
