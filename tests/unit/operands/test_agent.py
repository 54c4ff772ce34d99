"""The replaced agent: its settings, and its calls against the replaced application."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.operands import web
from tests.operands.agent import Gateway, RefusedByAgentError, callback, check_base_uri, register
from tests.operands.application import Application
from tests.unit.operands.test_backends import variables as variables

ENV = {
    "CRYOSTAT_AGENT_BASEURI": "https://sample-agent.here.svc:8282",
    "CRYOSTAT_AGENT_APP_NAME": "app-1",
    "CRYOSTAT_AGENT_CALLBACK_SCHEME": "https",
    "CRYOSTAT_AGENT_CALLBACK_HOST_NAME": r'app-1, 10.0.0.7[replace("."\, "-")]',
    "CRYOSTAT_AGENT_CALLBACK_DOMAIN_NAME": "agents.apps.svc",
    "CRYOSTAT_AGENT_CALLBACK_PORT": "9977",
    "CRYOSTAT_AGENT_PUBLISH_FILL_STRATEGY": "KUBERNETES",
    "CRYOSTAT_AGENT_PUBLISH_CONTEXT_NAMESPACE": "apps",
    "CRYOSTAT_AGENT_PUBLISH_CONTEXT_NODETYPE": "Pod",
    "CRYOSTAT_AGENT_PUBLISH_CONTEXT_NAME": "app-1",
}


def only(name: str) -> Any:
    """Resolves this name alone."""

    def resolve(host: str) -> str:
        if host != name:
            raise OSError("no such name")
        return "10.0.0.7"

    return resolve


@pytest.mark.parametrize("address", ["34.118.224.10", "100.64.3.4", "fd00:10:96::1"])
def test_an_address_that_is_not_private_is_refused(address: str) -> None:
    with pytest.raises(RefusedByAgentError, match="outside of the allowed range"):
        check_base_uri(ENV, lambda host: address)
    public = {**ENV, "CRYOSTAT_AGENT_BASEURI_RANGE": "public"}
    assert check_base_uri(public, lambda host: address) == ENV["CRYOSTAT_AGENT_BASEURI"]
    assert check_base_uri(ENV, lambda host: "10.96.0.1") == ENV["CRYOSTAT_AGENT_BASEURI"]


def test_plain_http_is_refused_where_tls_is_required() -> None:
    plain = {**ENV, "CRYOSTAT_AGENT_BASEURI": "http://sample-agent.here.svc:8282"}
    with pytest.raises(RefusedByAgentError, match="TLS is required"):
        check_base_uri(plain, lambda host: "10.96.0.1")
    allowed = {**plain, "CRYOSTAT_AGENT_WEBCLIENT_TLS_REQUIRED": "false"}
    assert check_base_uri(allowed, lambda host: "10.96.0.1").startswith("http:")


@pytest.mark.parametrize("host", ["app-1", "10-0-0-7"])
def test_the_callback_is_the_first_name_that_resolves(host: str) -> None:
    name = f"{host}.agents.apps.svc"
    assert callback(ENV, only(name)) == f"https://{name}:9977/"
    assert callback({**ENV, "CRYOSTAT_AGENT_CALLBACK": "https://10.0.0.7:1"}, only("none")) == "https://10.0.0.7:1"


def test_a_callback_that_does_not_resolve_is_refused() -> None:
    with pytest.raises(RefusedByAgentError, match="resolves"):
        callback(ENV, only("none"))


def test_a_host_name_with_colons_is_refused() -> None:
    expression = r'fd00::7[replace(":"\, "-")]'
    with pytest.raises(RefusedByAgentError, match="no host name"):
        callback({**ENV, "CRYOSTAT_AGENT_CALLBACK_HOST_NAME": expression}, only("none"))


@pytest.fixture
def application(variables: dict[str, str]) -> Application:
    return Application(variables, Path("ca"))


@pytest.fixture
def gateway(application: Application) -> Iterator[Gateway]:
    """Marks requests like the gateway."""

    def answer(request: web.Request) -> tuple[int, Any]:
        headers = {**request.headers, "x-cryostat-agent-proxy": "true", "x-forwarded-for": request.peer}
        return application.answer(replace(request, headers=headers))

    server = web.server("127.0.0.1", 0, answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Gateway(f"http://127.0.0.1:{server.server_port}", None)
    server.shutdown()
    server.server_close()


def test_it_registers_publishes_itself_and_deregisters(application: Application, gateway: Gateway) -> None:
    address = "https://127.0.0.1:9977/"
    registration = register(gateway, ENV, address)
    assert application.registry.targets() == [{"connectUrl": address, "alias": "app-1"}]
    registration.deregister()
    assert application.registry.plugins == {}


def test_a_refused_registration_is_an_error(gateway: Gateway) -> None:
    with pytest.raises(OSError, match="400"):
        register(gateway, ENV, "https://192.0.2.1:9977/")
