"""Arguments of OpenShift's oauth-proxy: users log in with their OpenShift account, or with a password."""

from __future__ import annotations

from typing import Any

from .. import builders, text
from ..instance import Instance
from ..model import names
from ..model.kinds import Obj
from . import agent_gateway

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


def arguments(instance: Instance, login_file: str | None, timeout: str, session_hash: str) -> list[str]:
    """Return the arguments of the proxy.

    Args:
        login_file: name of the htpasswd file, or None where users cannot log in with a password.
        timeout: how long the application may take to answer, with its unit.
        session_hash: name of the variable with a hash of the passwords, which exists where users log in with one.
    """
    review = builders.escape_expansion(text.compact_json(access_review(instance)))
    tls = f"{names.SECRETS_DIR}/{instance.name}-tls"
    address = f"{names.ALL_ADDRESSES}:{names.PORT_AUTH_PROXY}"
    return [
        "--pass-access-token=false",
        "--pass-user-bearer-token=false",
        "--pass-basic-auth=false",
        "--pass-user-headers=true",
        # This proxy has no option to remove headers; nginx in the container of the agent gateway removes them.
        f"--upstream={agent_gateway.USER_GATEWAY}/",
        f"--upstream-timeout={timeout}",
        f"--openshift-service-account={instance.name}",
        "--proxy-websockets=true",
        "--proxy-prefix=/oauth2",
        f"--bypass-auth-for={names.ALL_PATHS if instance.open_access else names.HEALTH_PATHS}",
        f"--openshift-sar=[{review}]",
        f'--openshift-delegate-urls={{"/":{review}}}',
        *([builders.escape_expansion(f"--htpasswd-file={names.SECRETS_DIR}/{login_file}")] if login_file else []),
        *([f"--cookie-name=_oauth_proxy_$({session_hash})"] if login_file else []),
        # Users with two ways to log in choose one.
        f"--skip-provider-button={'false' if login_file else 'true'}",
        f"--http-address={'' if instance.tls else address}",
        f"--https-address={address if instance.tls else ''}",
        *([f"--tls-cert={tls}/tls.crt", f"--tls-key={tls}/tls.key"] if instance.tls else []),
    ]


def access_review(instance: Instance) -> Obj:
    """Return the permission that a user needs: that of the spec, or to run commands in pods of the namespace."""
    options = instance.spec.authorization_options
    given = options.open_shift_sso.access_review if options and options.open_shift_sso else None
    if given is None:
        return {"namespace": instance.namespace, "verb": "create", "resource": "pods", "subresource": "exec"}
    filled = _without_empty(given)
    return {name: filled[name] for name in _REVIEW_FIELDS if name in filled}


def _without_empty(value: Any) -> Any:
    """The value without empty fields at any depth: the API server refuses reviews with an empty selector."""
    if isinstance(value, dict):
        return {key: kept for key, inner in value.items() if (kept := _without_empty(inner))}
    return [_without_empty(inner) for inner in value] if isinstance(value, list) else value
