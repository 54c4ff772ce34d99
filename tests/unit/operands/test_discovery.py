"""The simulated application's checks of agents."""

from __future__ import annotations

from typing import Any

import pytest

from tests.operands.discovery import Plugin, RefusedError, Registry

ADDRESS = "10.0.0.7"
HOST = "app-1.callback.apps.svc"
LOGIN = "storedcredentials:3@"
BODY = {"realm": "app-1", "callback": f"https://{LOGIN}{HOST}:9977/"}
NODES = {
    "nodes": [{"target": {"connectUrl": "https://app/"}}],
    "fillStrategy": "KUBERNETES",
    "context": {"namespace": "apps", "nodetype": "Pod", "name": "app-1"},
}


def resolve(host: str) -> list[str]:
    if host == HOST:
        return [ADDRESS]
    raise OSError("no such name")


@pytest.fixture
def pings() -> list[tuple[str, int]]:
    """The calls of agents as pairs of the callback and the number of the credentials."""
    return []


@pytest.fixture
def registry(pings: list[tuple[str, int]]) -> Registry:
    return Registry(tls_required=True, resolve=resolve, ping=lambda *ping: pings.append(ping))


def refused(registry: Registry, body: dict[str, Any], address: str = ADDRESS) -> tuple[int, str]:
    with pytest.raises(RefusedError) as error:
        registry.register(body, address)
    return error.value.status, str(error.value)


def status(registry: Registry, plugin: str, token: str | None, address: str = ADDRESS) -> int:
    with pytest.raises(RefusedError) as error:
        registry.check(plugin, token, address)
    return error.value.status


def test_an_agent_registers_publishes_and_deregisters(registry: Registry) -> None:
    plugin = registry.register(BODY, ADDRESS)
    found = registry.check(plugin.id, plugin.token, ADDRESS)
    registry.publish(found, NODES, context=True)
    assert registry.targets() == [{"connectUrl": "https://app/"}]
    registry.deregister(found)
    assert registry.targets() == []
    assert status(registry, plugin.id, plugin.token) == 404


def test_an_agent_that_starts_again_keeps_its_registration(registry: Registry) -> None:
    first = registry.register(BODY, ADDRESS)
    former = first.token
    assert registry.register(BODY, ADDRESS).id == first.id
    assert status(registry, first.id, former) == 401


def test_a_callback_must_resolve_to_the_client(registry: Registry) -> None:
    assert refused(registry, BODY, "127.0.0.1")[0] == 400
    assert "could not be resolved" in refused(registry, {**BODY, "callback": "https://other.svc/"})[1]


@pytest.mark.parametrize("callback", ["", "https:///path", f"//{LOGIN}{HOST}/"])
def test_a_callback_has_scheme_and_host(registry: Registry, callback: str) -> None:
    assert refused(registry, {**BODY, "callback": callback})[0] == 400


def test_callbacks_must_be_https(registry: Registry) -> None:
    plain = {**BODY, "callback": f"http://{LOGIN}{HOST}:9977/"}
    assert "TLS" in refused(registry, plain)[1]
    other = Registry(tls_required=False, resolve=resolve, ping=lambda *ping: None)
    assert other.register(plain, ADDRESS).realm == "app-1"


def test_a_new_agent_is_called_with_its_stored_credentials(registry: Registry, pings: list[tuple[str, int]]) -> None:
    registry.register(BODY, ADDRESS)
    registry.register(BODY, ADDRESS)
    assert pings == [(f"https://{HOST}:9977/", 3)]


@pytest.mark.parametrize("login", ["", "user:pass@", "storedcredentials:@", "storedcredentials:three@"])
def test_a_callback_names_stored_credentials(registry: Registry, login: str) -> None:
    assert "stored credentials" in refused(registry, {**BODY, "callback": f"https://{login}{HOST}:9977/"})[1]


def test_an_agent_that_does_not_respond_is_not_registered() -> None:
    def fail(callback: str, number: int) -> None:
        raise RefusedError(400, "the callback failed")

    registry = Registry(tls_required=True, resolve=resolve, ping=fail)
    assert refused(registry, BODY) == (400, "the callback failed")
    assert registry.plugins == {}


def test_a_registration_names_a_realm(registry: Registry) -> None:
    assert refused(registry, {**BODY, "realm": ""})[0] == 400


def test_a_new_token_is_given_for_the_same_realm_and_callback(registry: Registry) -> None:
    plugin = registry.register(BODY, ADDRESS)
    known = {**BODY, "id": plugin.id, "token": plugin.token}
    assert refused(registry, {**known, "realm": "other"})[0] == 403
    assert refused(registry, {**known, "callback": f"https://{LOGIN}{HOST}:1/"})[0] == 400
    assert refused(registry, {**known, "token": "wrong"})[0] == 401
    assert registry.register(known, ADDRESS).token != known["token"]


def test_a_token_is_valid_for_one_registration_and_one_address(registry: Registry) -> None:
    plugin = registry.register(BODY, ADDRESS)
    other = registry.register({**BODY, "realm": "other"}, ADDRESS)
    assert status(registry, plugin.id, None) == 401
    assert status(registry, plugin.id, other.token) == 401
    assert status(registry, plugin.id, plugin.token, "10.0.0.8") == 401


@pytest.mark.parametrize("key", ["namespace", "nodetype", "name"])
def test_published_nodes_have_their_place(registry: Registry, key: str) -> None:
    plugin = Plugin("1", "realm", "callback", ADDRESS, "token")
    with pytest.raises(RefusedError, match=f"{key} cannot be blank"):
        registry.publish(plugin, {**NODES, "context": {**NODES["context"], key: ""}}, context=True)  # type: ignore[dict-item]


@pytest.mark.parametrize("body", [None, {}, [{}], [{"target": {}}]])
def test_published_nodes_have_targets(registry: Registry, body: Any) -> None:
    with pytest.raises(RefusedError):
        registry.publish(Plugin("1", "realm", "callback", ADDRESS, "token"), body, context=False)
