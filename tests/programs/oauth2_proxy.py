"""Runs oauth2-proxy in front of a simulated application, or of nginx."""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import urllib3

from cryostat_operator.api.constants import ANNOTATION_LOGIN_HASH
from cryostat_operator.plan.model import names
from cryostat_operator.plan.model.kinds import Key, Obj
from tests.cluster.processes import Child, listening
from tests.programs.pod import Container, Data, planned, secrets
from tests.unit.cluster_state import NAME, NAMESPACE, find

HOST = f"{NAME}.{NAMESPACE}.svc"


@contextmanager
def running(
    program: str,
    spec: Obj,
    root: Path,
    application: int,
    existing: Mapping[Key, Data] | None = None,
    login_hash: str = "",
    gateway: Container | None = None,
) -> Iterator[Container]:
    """Run the proxy until the end of the block. One program replaces both application and Grafana.

    Args:
        program: the proxy.
        spec: of the Cryostat.
        root: an empty directory.
        application: the port of the application.
        existing: Secrets that are not generated.
        login_hash: the hash of other passwords.
        gateway: nginx behind the proxy, whose plan and Secrets are used then; None where the plan has none there.
    """
    plan = gateway.plan if gateway else planned(spec)
    if login_hash:
        template = find(plan, "Deployment", NAME, NAMESPACE)["spec"]["template"]
        template["metadata"]["annotations"][ANNOTATION_LOGIN_HASH] = login_hash
    ports = {names.PORT_APPLICATION: application, names.PORT_GRAFANA: application}
    if gateway:
        ports[names.PORT_USER_GATEWAY] = gateway.ports[names.PORT_USER_GATEWAY]
    content = gateway.secrets if gateway else secrets(plan, None, existing)
    container = Container(plan, content, NAME, f"{NAME}-auth-proxy", root, {}, ports)
    environment = {"PATH": os.environ["PATH"], **container.environment}
    child = Child("oauth2-proxy", [program, *container.arguments], root / "log", environment)
    with child.running_when(lambda: listening(container.ports[names.PORT_AUTH_PROXY])):
        yield container


def ask(
    proxy: Container,
    path: str,
    login: tuple[str, str] | None = None,
    headers: Mapping[str, str] = MappingProxyType({}),
    address: str = "127.0.0.1",
) -> tuple[int, str]:
    context = ssl.create_default_context(cadata=proxy.secret(f"{NAME}-tls")["ca.crt"].decode())
    sent = {"Host": HOST, **headers}
    if login:
        sent["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
    with urllib3.HTTPSConnectionPool(
        address, proxy.ports[names.PORT_AUTH_PROXY], ssl_context=context, assert_hostname=HOST, retries=False
    ) as pool:
        answer = pool.request("GET", path, headers=sent, redirect=False)
        return answer.status, answer.data.decode()


def login(proxy: Container) -> tuple[str, str]:
    generated = proxy.secret(f"{NAME}-basic-auth")
    return generated["username"].decode(), generated["password"].decode()
