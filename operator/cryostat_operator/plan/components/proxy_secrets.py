"""Secrets with which nginx proves to the application that a request came from the agent gateway, or from users.

Without them the application would have to trust every program in its pod that can connect to it. Only images since
cryostatio/cryostat#1796 check them, so they exist only with the setting `PROXY_SECRETS`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import builders
from ..instance import Instance
from ..model import names
from ..model.kinds import Key, Obj
from ..model.requests import NginxHeaderValue, RandomValue, SecretRequest
from . import proxy_headers

LENGTH = 32  # characters of a value


@dataclass(frozen=True)
class ProxySecret:
    """A Secret that nginx and the application share. All names are those of the Go operator.

    Attributes:
        name: its name without that of the instance; also the name of the directory in which nginx reads it.
        key: the key with the value, for the application.
        file: the key with the directive that sets the header to the value, for nginx.
        header: the header.
        variable: the variable of the application with the value.
    """

    name: str
    key: str
    file: str
    header: str
    variable: str

    @property
    def directory(self) -> str:
        """The directory in which nginx reads the file."""
        return f"{names.SECRETS_DIR}/{self.name}"

    @property
    def volume(self) -> str:
        """The name of the volume with the file."""
        return f"{self.name}-secret"

    def of(self, instance: Instance) -> str:
        """Return the name of the Secret of an instance."""
        return f"{instance.name}-{self.name}"


AGENT_GATEWAY = ProxySecret(
    "agent-gateway",
    "AGENT_GATEWAY_SECRET",
    "agent-auth.conf",
    proxy_headers.AGENT_AUTH,
    "CRYOSTAT_SECURITY_AGENT_GATEWAY_SECRET",
)
USER_PROXY = ProxySecret(
    "user-proxy",
    "USER_PROXY_SECRET",
    "user-auth.conf",
    proxy_headers.USER_PROXY_AUTH,
    "CRYOSTAT_SECURITY_USER_PROXY_SECRET",
)


def used(instance: Instance) -> tuple[ProxySecret, ...]:
    """Return the Secrets of an instance. Without TLS, the gateway authenticates no agent and has none."""
    if not instance.settings.proxy_secrets:
        return ()
    return (AGENT_GATEWAY, USER_PROXY) if instance.tls else (USER_PROXY,)


def include(instance: Instance, secret: ProxySecret) -> str | None:
    """Return the file that nginx includes where it sets the header; None if it does not set it."""
    return f"{secret.directory}/{secret.file}" if secret in used(instance) else None


def objects(instance: Instance) -> list[Obj]:
    """Return the Secrets of an instance, without their values."""
    return [builders.generated_secret(instance, each.of(instance)) for each in used(instance)]


def requests(instance: Instance) -> list[SecretRequest]:
    """Return the values that are generated for the Secrets."""
    return [
        SecretRequest(
            Key("Secret", instance.namespace, each.of(instance)),
            {each.key: RandomValue(LENGTH), each.file: NginxHeaderValue(each.header, each.key)},
        )
        for each in used(instance)
    ]


def volumes(instance: Instance) -> list[Obj]:
    """Return the volumes of nginx. They do not contain the key of the application."""
    return [
        {"name": each.volume, "secret": {"secretName": each.of(instance), "items": [builders.item(each.file)]}}
        for each in used(instance)
    ]


def mounts(instance: Instance) -> list[Obj]:
    """Return the mounts of nginx."""
    return [builders.mount(each.volume, each.directory) for each in used(instance)]


def environment(instance: Instance) -> list[Obj]:
    """Return the variables of the application."""
    return [builders.env_secret(each.variable, each.of(instance), each.key) for each in used(instance)]
