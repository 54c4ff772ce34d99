"""The authentication proxy in front of application and Grafana: oauth2-proxy, or OpenShift's own oauth-proxy."""

from __future__ import annotations

from typing import Any

from .. import k8s, names, text, workload
from ..instance import Instance
from ..plan import Htpasswd, Key, Obj, Part, Problem, Random, Reference, SecretOrder
from . import exposure

PART = "auth_proxy"
REQUESTS = ("100m", "64Mi")
LIMITS = ("1", "256Mi")
LOGIN_USER = "cryostat"
LOGIN_FILE = "htpasswd"
TLS_VOLUME = "auth-proxy-tls-secret"
CONFIG_DIRECTORY = "/etc/oauth2_proxy/alpha_config"
CONFIG_FILE = "alpha_config.json"
# Health is for probes, which cannot log in.
HEALTH_PATHS = "^/health(/liveness)?$"
ALL_PATHS = ".*"

_APPLICATION = f"http://localhost:{names.PORT_APPLICATION}"
_GRAFANA = f"http://localhost:{names.PORT_GRAFANA}"
_REVIEW_FIELDS = (
    "namespace",
    "verb",
    "group",
    "version",
    "resource",
    "subresource",
    "name",
    "fieldSelector",
    "labelSelector",
)


def part(i: Instance) -> Part:
    cookie = k8s.owned(i, "Secret", cookie_secret(i)) | {"type": "Opaque"}
    orders = [_order(i, cookie_secret(i), {"OAUTH2_PROXY_COOKIE_SECRET": Random(32)})]
    objects = [cookie]
    if i.minted_login_secret:
        objects.append(k8s.owned(i, "Secret", i.minted_login_secret) | {"type": "Opaque"})
        login = {"username": LOGIN_USER, "password": Random(32), LOGIN_FILE: Htpasswd(LOGIN_USER, "password")}
        orders.append(_order(i, i.minted_login_secret, login))
    if not i.openshift:
        objects.append(config_map(i))
    return Part(PART, objects=tuple(objects), orders=tuple(orders), problems=_problems(i))


def _order(i: Instance, name: str, values: dict[str, Any]) -> SecretOrder:
    return SecretOrder(Key("Secret", i.namespace, name), values)


def _problems(i: Instance) -> tuple[Problem, ...]:
    options = i.spec.authorization_options.basic_auth if i.spec.authorization_options else None
    if options is None or i.basic_auth or not (options.secret_name or options.filename):
        return ()
    message = "authorizationOptions.basicAuth needs both secretName and filename; nobody can log in with half of them."
    return (Problem(PART, "BasicAuthIncomplete", message),)


def authentication(i: Instance) -> tuple[str, str]:
    """How people log in: a reason and a sentence for the status."""
    if i.open_access:
        message = "Everybody who reaches the application may use it: authorizationOptions.openShiftSSO.disable is true"
        return "AuthenticationDisabled", message
    if i.minted_login_secret:
        message = f"Secret {i.minted_login_secret} holds the login that was generated, keys username and password"
        return "LoginGenerated", message
    by_file = f"with the logins of Secret {i.basic_auth[0]}" if i.basic_auth else ""
    if i.openshift:
        return "OpenShiftSSO", f"People log in with their OpenShift account{f', or {by_file}' if by_file else ''}"
    return "BasicAuth", f"People log in {by_file}"


def notices(i: Instance) -> tuple[Problem, ...]:
    """What people should be told once: where to find a login that they did not choose."""
    return (Problem(PART, *authentication(i), warning=False),) if i.minted_login_secret else ()


def cookie_secret(i: Instance) -> str:
    return f"{i.name}-oauth2-cookie"


def config_name(i: Instance) -> str:
    return f"{i.name}-oauth2-proxy-cfg"


def needs(i: Instance) -> set[Reference]:
    """What must be there though the pod's spec does not say so: the key in a Secret that is mounted as a whole."""
    return {Reference("Secret", i.basic_auth[0], frozenset({i.basic_auth[1]}))} if i.basic_auth else set()


def config_map(i: Instance) -> Obj:
    """Configuration of oauth2-proxy."""
    tls = f"{names.SECRETS_DIR}/{i.name}-tls"
    server: Obj = {"bindAddress": f"http://0.0.0.0:{names.PORT_AUTH_PROXY}"}
    if i.tls:
        server = {
            "secureBindAddress": f"https://0.0.0.0:{names.PORT_AUTH_PROXY}",
            "tls": {"key": {"fromFile": f"{tls}/tls.key"}, "cert": {"fromFile": f"{tls}/tls.crt"}},
        }
    config = {
        "server": server,
        "upstreamConfig": {
            "proxyRawPath": True,
            "upstreams": [
                {"id": "cryostat", "path": "/", "uri": _APPLICATION},
                {"id": "grafana", "path": "/grafana/", "uri": _GRAFANA},
            ],
        },
        # oauth2-proxy does not start without a provider; people log in with a password.
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
    return k8s.owned(i, "ConfigMap", config_name(i)) | {"data": {CONFIG_FILE: text.pretty_json(config)}}


def container(i: Instance) -> Obj:
    resources, security = i.spec.resources, i.spec.security_options
    ping = "/oauth2/healthz" if i.openshift else "/ping"
    image = "openshift-oauth-proxy" if i.openshift else "oauth2-proxy"
    context = security.auth_proxy_security_context if security else None
    return {
        "name": f"{i.name}-auth-proxy",
        **workload.image(i, image),
        "args": openshift_arguments(i) if i.openshift else [f"--alpha-config={CONFIG_DIRECTORY}/{CONFIG_FILE}"],
        "ports": [{"containerPort": names.PORT_AUTH_PROXY}],
        "env": [] if i.openshift else environment(i),
        "envFrom": [{"secretRef": {"name": cookie_secret(i), "optional": False}}],
        "volumeMounts": _mounts(i),
        "livenessProbe": k8s.http_get(ping, names.PORT_AUTH_PROXY, i.scheme),
        "resources": k8s.resources(resources.auth_proxy_resources if resources else None, REQUESTS, LIMITS),
        "securityContext": k8s.container_security_context(context),
    }


def environment(i: Instance) -> list[Obj]:
    """Environment of oauth2-proxy.

    Browsers do not send a `Secure` cookie back over plain HTTP: nobody would stay logged in.
    """
    skipped = ALL_PATHS if i.open_access else HEALTH_PATHS
    login = [
        k8s.env("OAUTH2_PROXY_HTPASSWD_FILE", k8s.literal(f"{names.SECRETS_DIR}/{login_file(i)}")),
        k8s.env("OAUTH2_PROXY_HTPASSWD_USER_GROUP", "write"),
    ]
    return [
        k8s.env("OAUTH2_PROXY_REDIRECT_URL", f"http://localhost:{names.PORT_AUTH_PROXY}/oauth2/callback"),
        k8s.env("OAUTH2_PROXY_EMAIL_DOMAINS", "*"),
        *(login if login_file(i) else []),
        k8s.env("OAUTH2_PROXY_SKIP_AUTH_ROUTES", skipped),
        *([k8s.env("OAUTH2_PROXY_COOKIE_SECURE", "false")] if exposure.is_plain(i) and not i.open_access else []),
    ]


def openshift_arguments(i: Instance) -> list[str]:
    review = k8s.literal(text.compact_json(access_review(i)))
    tls = f"{names.SECRETS_DIR}/{i.name}-tls"
    address = f"0.0.0.0:{names.PORT_AUTH_PROXY}"
    return [
        "--pass-access-token=false",
        "--pass-user-bearer-token=false",
        "--pass-basic-auth=false",
        f"--upstream={_APPLICATION}/",
        f"--upstream={_GRAFANA}/grafana/",
        f"--openshift-service-account={i.name}",
        "--proxy-websockets=true",
        "--proxy-prefix=/oauth2",
        f"--bypass-auth-for={ALL_PATHS if i.open_access else HEALTH_PATHS}",
        f"--openshift-sar=[{review}]",
        f'--openshift-delegate-urls={{"/":{review}}}',
        *([k8s.literal(f"--htpasswd-file={names.SECRETS_DIR}/{login_file(i)}")] if login_file(i) else []),
        # With a second way to log in, people must be able to choose.
        f"--skip-provider-button={'false' if login_file(i) else 'true'}",
        f"--http-address={'' if i.tls else address}",
        f"--https-address={address if i.tls else ''}",
        *([f"--tls-cert={tls}/tls.crt", f"--tls-key={tls}/tls.key"] if i.tls else []),
    ]


def access_review(i: Instance) -> Obj:
    """The permission that an OpenShift user needs: the one in the spec, else to run commands in pods here."""
    options = i.spec.authorization_options
    given = options.open_shift_sso.access_review if options and options.open_shift_sso else None
    if given is None:
        return {"namespace": i.namespace, "verb": "create", "resource": "pods", "subresource": "exec"}
    return {name: given[name] for name in _REVIEW_FIELDS if given.get(name)}


def login_file(i: Instance) -> str | None:
    """Name of the htpasswd file, where one is in use."""
    if i.basic_auth:
        return i.basic_auth[1]
    return LOGIN_FILE if i.minted_login_secret else None


def volumes(i: Instance) -> list[Obj]:
    """Volumes of this container in the main pod."""
    result: list[Obj] = []
    if i.tls:
        result.append(
            {"name": TLS_VOLUME, "secret": {"secretName": f"{i.name}-tls", "defaultMode": k8s.READ_ONLY_MODE}}
        )
    if not i.openshift:
        config = {"name": config_name(i), "items": [k8s.item(CONFIG_FILE)]}
        result.append({"name": _config_volume(i), "configMap": config})
    if i.basic_auth:
        result.append({"name": _login_volume(i), "secret": {"secretName": i.basic_auth[0]}})
    if i.minted_login_secret:
        login = {"secretName": i.minted_login_secret, "items": [k8s.item(LOGIN_FILE)]}
        result.append({"name": _login_volume(i), "secret": login})
    return result


def _mounts(i: Instance) -> list[Obj]:
    return [
        *([] if i.openshift else [k8s.mount(_config_volume(i), CONFIG_DIRECTORY)]),
        *([k8s.mount(_login_volume(i), names.SECRETS_DIR)] if login_file(i) else []),
        *([k8s.mount(TLS_VOLUME, f"{names.SECRETS_DIR}/{i.name}-tls")] if i.tls else []),
    ]


def _config_volume(i: Instance) -> str:
    return names.volume(config_name(i), set())


def _login_volume(i: Instance) -> str:
    return names.volume(f"{i.name}-auth-proxy-htpasswd", set())
