"""The authentication proxy in front of application and Grafana: oauth2-proxy, or OpenShift's own oauth-proxy."""

from __future__ import annotations

from typing import Any

from ...api import constants
from .. import builders, text, workloads
from ..instance import Instance
from ..model import names
from ..model.desired_state import ComponentPlan, ContentUse, Reference
from ..model.kinds import Key, Obj
from ..model.problems import Problem
from ..model.reasons import Reason
from ..model.requests import HtpasswdValue, RandomValue, SecretRequest
from . import agent_gateway, exposure, openshift_proxy, proxy_headers, user_login

NAME = "auth_proxy"
REQUESTS = ("100m", "64Mi")
LIMITS = ("1", "256Mi")
LOGIN_USER = "cryostat"
LOGIN_FILE = "htpasswd"
TLS_VOLUME = "auth-proxy-tls-secret"
CONFIG_DIRECTORY = "/etc/oauth2_proxy/alpha_config"
CONFIG_FILE = "alpha_config.json"
# How long the application may take to answer: uploads and heap dumps take longer than the proxies' default of 30 s.
UPSTREAM_TIMEOUT = "30m"
SESSION_HASH = "LOGIN_HASH"  # variable of the container

_APPLICATION = f"http://localhost:{names.PORT_APPLICATION}"
_GRAFANA = f"http://localhost:{names.PORT_GRAFANA}"


def build(instance: Instance) -> ComponentPlan:
    """Return the configuration of the proxy, and the Secrets with the generated login and the key of its cookies."""
    cookie = builders.generated_secret(instance, cookie_secret(instance))
    requests = [_request(instance, cookie_secret(instance), {"OAUTH2_PROXY_COOKIE_SECRET": RandomValue(32)})]
    objects = [cookie]
    if instance.generated_login_secret:
        objects.append(builders.generated_secret(instance, instance.generated_login_secret))
        login = {"username": LOGIN_USER, "password": RandomValue(32), LOGIN_FILE: HtpasswdValue(LOGIN_USER, "password")}
        requests.append(_request(instance, instance.generated_login_secret, login))
    if not instance.openshift_login:
        objects.append(config_map(instance))
    return ComponentPlan(
        NAME,
        objects=tuple(objects),
        requests=tuple(requests),
        needs={Key("Deployment", instance.namespace, instance.name): _needs(instance)},
        warnings=warnings(instance),
        content_use=ContentUse.WARNINGS,
    )


def _request(instance: Instance, name: str, values: dict[str, Any]) -> SecretRequest:
    return SecretRequest(Key("Secret", instance.namespace, name), values)


def warnings(instance: Instance) -> tuple[Problem, ...]:
    """Return an event that names the Secret with the generated login, or the file that the proxy cannot use.

    The file blocks nothing: a proxy that runs has accepted it.
    """
    reason, text = user_login.authentication(instance)
    is_generated = reason == Reason.LOGIN_GENERATED and instance.live("Secret", instance.generated_login_secret or "")
    named = is_generated or reason == Reason.LOGIN_FILE_INVALID
    return (Problem(NAME, reason, text),) if named else ()


def cookie_secret(instance: Instance) -> str:
    """Return the name of the Secret with which the proxy encrypts session cookies."""
    return f"{instance.name}-oauth2-cookie"


def config_name(instance: Instance) -> str:
    """Return the name of the ConfigMap with the configuration of oauth2-proxy."""
    return f"{instance.name}-oauth2-proxy-cfg"


def _needs(instance: Instance) -> frozenset[Reference]:
    """The key with the users' logins. Its Secret is mounted as a whole, so the pod's spec does not name the key."""
    if not instance.basic_auth:
        return frozenset()
    secret, key = instance.basic_auth
    return frozenset({Reference("Secret", secret, frozenset({key}))})


def config_map(instance: Instance) -> Obj:
    """Return the configuration of oauth2-proxy."""
    tls = f"{names.SECRETS_DIR}/{instance.name}-tls"
    server: Obj = {"bindAddress": f"http://{names.ALL_ADDRESSES}:{names.PORT_AUTH_PROXY}"}
    if instance.tls:
        server = {
            "secureBindAddress": f"https://{names.ALL_ADDRESSES}:{names.PORT_AUTH_PROXY}",
            "tls": {"key": {"fromFile": f"{tls}/tls.key"}, "cert": {"fromFile": f"{tls}/tls.crt"}},
        }
    application = agent_gateway.USER_GATEWAY if agent_gateway.serves_users(instance) else _APPLICATION
    config = {
        "server": server,
        "upstreamConfig": {
            "proxyRawPath": True,
            "upstreams": [
                {"id": "cryostat", "path": "/", "uri": application, "timeout": UPSTREAM_TIMEOUT},
                {"id": "grafana", "path": "/grafana/", "uri": _GRAFANA, "timeout": UPSTREAM_TIMEOUT},
            ],
        },
        "injectRequestHeaders": proxy_headers.oauth2_proxy_headers(),
        # oauth2-proxy does not start without a provider; it is not used, users log in with a password.
        "providers": [
            {
                "id": "dummy",
                "name": "Unused - Sign In Below",
                "clientID": "CLIENT_ID",
                "clientSecret": "CLIENT_SECRET",
                "provider": "google",
            }
        ],
    }
    return builders.owned(instance, "ConfigMap", config_name(instance)) | {
        "data": {CONFIG_FILE: text.pretty_json(config)}
    }


def container(instance: Instance) -> Obj:
    resources, security = instance.spec.resources, instance.spec.security_options
    ping = "/oauth2/healthz" if instance.openshift_login else "/ping"
    image = "openshift-oauth-proxy" if instance.openshift_login else "oauth2-proxy"
    context = security.auth_proxy_security_context if security else None
    return {
        "name": f"{instance.name}-auth-proxy",
        **workloads.image(instance, image),
        "args": openshift_proxy.arguments(instance, login_file(instance), UPSTREAM_TIMEOUT, SESSION_HASH)
        if instance.openshift_login
        else [f"--alpha-config={CONFIG_DIRECTORY}/{CONFIG_FILE}"],
        "ports": [{"containerPort": names.PORT_AUTH_PROXY}],
        "env": session_hash(instance) if instance.openshift_login else environment(instance),
        "envFrom": [{"secretRef": {"name": cookie_secret(instance), "optional": False}}],
        "volumeMounts": _mounts(instance),
        "livenessProbe": builders.http_get(ping, names.PORT_AUTH_PROXY, instance.scheme),
        "resources": builders.resources(resources.auth_proxy_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": builders.container_security_context(context),
    }


def environment(instance: Instance) -> list[Obj]:
    """Return the environment of oauth2-proxy.

    Browsers do not return a `Secure` cookie over plain HTTP; users would have to log in at each request.
    """
    skipped = names.ALL_PATHS if instance.open_access else names.HEALTH_PATHS
    login = [
        builders.env(
            "OAUTH2_PROXY_HTPASSWD_FILE", builders.escape_expansion(f"{names.SECRETS_DIR}/{login_file(instance)}")
        ),
        builders.env("OAUTH2_PROXY_HTPASSWD_USER_GROUP", "write"),
        *session_hash(instance),
        builders.env("OAUTH2_PROXY_COOKIE_NAME", f"_oauth2_proxy_$({SESSION_HASH})"),
        builders.env("OAUTH2_PROXY_COOKIE_SAMESITE", "lax"),
    ]
    return [
        builders.env("OAUTH2_PROXY_REDIRECT_URL", f"http://localhost:{names.PORT_AUTH_PROXY}/oauth2/callback"),
        builders.env("OAUTH2_PROXY_EMAIL_DOMAINS", "*"),
        *(login if login_file(instance) else []),
        builders.env("OAUTH2_PROXY_SKIP_AUTH_ROUTES", skipped),
        *(
            [builders.env("OAUTH2_PROXY_COOKIE_SECURE", "false")]
            if exposure.is_plain_http(instance) and not instance.open_access
            else []
        ),
    ]


def session_hash(instance: Instance) -> list[Obj]:
    """Return a variable with a hash of the users' passwords, for the name of the session cookie.

    Both proxies sign the name of the cookie together with its value, so a session ends when a password changes.
    """
    if not instance.login_secret:
        return []
    path = f"metadata.annotations['{constants.ANNOTATION_LOGIN_HASH}']"
    return [{"name": SESSION_HASH, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}]


def login_file(instance: Instance) -> str | None:
    """Return the name of the htpasswd file; None if users cannot log in with a password."""
    if instance.basic_auth:
        return instance.basic_auth[1]
    return LOGIN_FILE if instance.generated_login_secret else None


def volumes(instance: Instance) -> list[Obj]:
    """Return the volumes of this container in the main pod."""
    result: list[Obj] = []
    if instance.tls:
        result.append(
            {
                "name": TLS_VOLUME,
                "secret": {"secretName": f"{instance.name}-tls", "defaultMode": builders.READ_ONLY_MODE},
            }
        )
    if not instance.openshift_login:
        config = {"name": config_name(instance), "items": [builders.item(CONFIG_FILE)]}
        result.append({"name": _config_volume(instance), "configMap": config})
    if instance.basic_auth:
        result.append({"name": _login_volume(instance), "secret": {"secretName": instance.basic_auth[0]}})
    if instance.generated_login_secret:
        login = {"secretName": instance.generated_login_secret, "items": [builders.item(LOGIN_FILE)]}
        result.append({"name": _login_volume(instance), "secret": login})
    return result


def _mounts(instance: Instance) -> list[Obj]:
    return [
        *([] if instance.openshift_login else [builders.mount(_config_volume(instance), CONFIG_DIRECTORY)]),
        *([builders.mount(_login_volume(instance), names.SECRETS_DIR)] if login_file(instance) else []),
        *([builders.mount(TLS_VOLUME, f"{names.SECRETS_DIR}/{instance.name}-tls")] if instance.tls else []),
    ]


def _config_volume(instance: Instance) -> str:
    return names.volume(config_name(instance), set())


def _login_volume(instance: Instance) -> str:
    return names.volume(f"{instance.name}-auth-proxy-htpasswd", set())
