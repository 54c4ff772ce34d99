"""The registration with the API server, and the differences that are corrected."""

from __future__ import annotations

import base64
import copy
import logging
from typing import Any

import pytest

from cryostat_operator.kube.errors import ApiError
from cryostat_operator.plan.model.webhook_definitions import mutating, validating
from cryostat_operator.webhooks.registration import Address, Registration, _is_same
from tests.unit.api_server import ApiServer

WANTED = [{**each, "clientConfig": {"url": "https://a"}} for each in (*mutating(), *validating())]


def stored() -> list[dict[str, Any]]:
    """With the defaults of the API server."""
    defaults: dict[str, Any] = {"namespaceSelector": {}, "objectSelector": {}, "timeoutSeconds": 10}
    return copy.deepcopy([defaults | each for each in WANTED])


def test_defaults_of_the_api_server_are_ignored() -> None:
    assert _is_same(WANTED, stored())
    theirs = [{**each, "namespaceSelector": {"matchLabels": {"a": "b"}}} for each in stored()]
    assert _is_same(WANTED, theirs)


class FakeClient:
    """A client that returns one webhook configuration and records patches."""

    def __init__(self, webhooks: list[dict[str, Any]]) -> None:
        self.webhooks = webhooks
        self.patches: list[Any] = []

    async def get_or_none(self, path: str) -> dict[str, Any] | None:
        return {"metadata": {"resourceVersion": "1"}, "webhooks": self.webhooks} if "mutating" in path else None

    async def request(self, verb: str, path: str, body: Any, **_: Any) -> dict[str, Any]:
        if verb != "PATCH":
            return {}
        self.patches.append(body)
        return {"webhooks": body[-1]["value"]}


async def test_a_namespace_selector_of_administrators_is_kept_when_other_fields_are_restored() -> None:
    selector = {"matchExpressions": [{"key": "control-plane", "operator": "DoesNotExist"}]}
    client: Any = FakeClient([{**each, "failurePolicy": "Ignore", "namespaceSelector": selector} for each in stored()])
    await Registration(client, "x-", Address("here", "webhook")).ensure(b"CA")
    [restored] = [body[-1]["value"] for body in client.patches if body[-1]["path"] == "/webhooks"]
    assert [each["namespaceSelector"] for each in restored] == [selector] * len(mutating())
    assert {each["failurePolicy"] for each in restored} == {each["failurePolicy"] for each in mutating()}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("failurePolicy", "Ignore"),
        ("objectSelector", {"matchLabels": {"a": "b"}}),
        ("matchPolicy", "Exact"),
        ("rules", []),
        ("clientConfig", {"url": "https://b"}),
        ("matchConditions", [{"name": "never", "expression": "false"}]),
        ("name", "other.example.com"),
    ],
)
def test_changes_that_bypass_the_review_are_reverted(key: str, value: Any) -> None:
    cryostats = [index for index, each in enumerate(WANTED) if "cryostat.kb.io" in each["name"]]
    assert len(cryostats) == 2
    for index in cryostats:
        live = stored()
        live[index][key] = value
        assert not _is_same(WANTED, live)
        assert not _is_same(WANTED, live[:index] + live[index + 1 :])


# --- on an API server ------------------------------------------------------------------------------------------------

ROOT = "/apis/admissionregistration.k8s.io/v1"
MUTATING = f"{ROOT}/mutatingwebhookconfigurations/x-mutating-webhook-configuration"
VALIDATING = f"{ROOT}/validatingwebhookconfigurations/x-validating-webhook-configuration"
DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/cryostats.operator.cryostat.io"
SERVICE = Address("here", "webhook")
URL = Address("here", "webhook", "https://192.0.2.1:9443/")
NAMES = [
    "MutatingWebhookConfiguration x-mutating-webhook-configuration",
    "ValidatingWebhookConfiguration x-validating-webhook-configuration",
    "CustomResourceDefinition cryostats.operator.cryostat.io",
]


@pytest.fixture
def server(caplog: pytest.LogCaptureFixture) -> ApiServer:
    caplog.set_level(logging.INFO)
    server = ApiServer()
    server.put(DEFINITION, {"spec": {"conversion": {"strategy": "None"}}})
    return server


def client_configs(server: ApiServer) -> list[dict[str, Any]]:
    found = [server.find(path) or {} for path in (MUTATING, VALIDATING)]
    return [webhook["clientConfig"] for each in found for webhook in each.get("webhooks") or ()]


def conversion(server: ApiServer) -> Any:
    return (server.find(DEFINITION) or {})["spec"]["conversion"]


async def test_missing_configurations_are_created_and_later_restored(
    server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    registration = Registration(server, "x-", SERVICE)
    await registration.ensure(b"CA")
    assert caplog.messages == [
        f"Created missing {NAMES[0]}",
        f"Created missing {NAMES[1]}",
        f"Updated conversion of {NAMES[2]}",
    ]
    bundle = base64.b64encode(b"CA").decode()
    assert {each["caBundle"] for each in client_configs(server)} == {bundle}
    assert {each["service"]["name"] for each in client_configs(server)} == {"webhook"}
    assert conversion(server)["webhook"]["clientConfig"] == {
        "service": {"name": "webhook", "namespace": "here", "path": "/convert", "port": 443},
        "caBundle": bundle,
    }
    writes = len(server.writes)
    await registration.ensure(b"CA")
    assert len(server.writes) == writes
    caplog.clear()
    changed = server.find(MUTATING) or {}
    changed["webhooks"][0]["failurePolicy"] = "Ignore"
    server.put(MUTATING, changed)
    await registration.ensure(b"CA")
    assert caplog.messages == [f"Updated webhooks of {NAMES[0]}"]
    assert (server.find(MUTATING) or {})["webhooks"][0]["failurePolicy"] == mutating()[0]["failurePolicy"]


@pytest.mark.parametrize(("status", "warns"), [(403, True), (409, False)])
async def test_a_refused_creation_is_logged_once(
    server: ApiServer, caplog: pytest.LogCaptureFixture, status: int, warns: bool
) -> None:
    server.remove(DEFINITION)
    server.hook = lambda method, *_: ApiError(status, "Refused", "no") if method == "POST" else None
    registration = Registration(server, "x-", SERVICE)
    for _ in range(2):
        await registration.ensure(b"CA")
    rest = "does not exist, so the API server does not call its webhooks. Apply the manifests of the operator again"
    assert caplog.messages == [f"{name} {rest}" for name in (NAMES if warns else NAMES[2:])]
    server.put(DEFINITION, {"spec": {}})
    await registration.ensure(b"CA")
    server.remove(DEFINITION)
    await registration.ensure(b"CA")
    assert caplog.messages[-1] == f"{NAMES[2]} {rest}"
    assert caplog.messages.count(f"{NAMES[2]} {rest}") == 2


async def test_another_error_of_a_creation_is_raised(server: ApiServer) -> None:
    server.hook = lambda method, *_: ApiError(500, "InternalError", "no") if method == "POST" else None
    with pytest.raises(ApiError, match="no"):
        await Registration(server, "x-", SERVICE).ensure(b"CA")


async def test_without_an_authority_of_its_own_nothing_is_created(
    server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    await Registration(server, "x-", SERVICE).ensure(b"")
    assert client_configs(server) == []
    assert len(caplog.messages) == 3  # two are missing; the conversion needs no authority to be registered


async def test_an_interim_authority_is_registered_until_there_is_another_one(server: ApiServer) -> None:
    await Registration(server, "x-", SERVICE).ensure(b"CA")
    for path in (MUTATING, VALIDATING):
        found = server.find(path) or {}
        for webhook in found["webhooks"]:
            webhook["clientConfig"].pop("caBundle")
        server.put(path, found)
    registration = Registration(server, "x-", SERVICE)
    await registration.ensure(b"", b"interim")
    interim = base64.b64encode(b"interim").decode()
    assert {each["caBundle"] for each in client_configs(server)} == {interim}
    found = server.find(MUTATING) or {}
    found["webhooks"][0]["clientConfig"]["caBundle"] = "b3RoZXI="
    server.put(MUTATING, found)
    writes = len(server.writes)
    await registration.ensure(b"", b"interim")
    assert client_configs(server)[0]["caBundle"] == "b3RoZXI="
    assert len(server.writes) == writes


async def test_no_interim_authority_is_registered_for_a_url(server: ApiServer) -> None:
    server.put(MUTATING, {"webhooks": []})
    await Registration(server, "x-", URL).ensure(b"", b"interim")
    assert client_configs(server)
    assert not any("caBundle" in each for each in client_configs(server))


async def test_the_configurations_of_another_installation_are_not_changed(
    server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    await Registration(server, "x-", SERVICE).ensure(b"CA")
    caplog.clear()
    writes = len(server.writes)
    other = Registration(server, "x-", Address("there", "webhook"))
    for _ in range(2):
        await other.ensure(b"OTHER")
    rest = "registers the operator in another namespace and is not changed. Run one operator per cluster"
    assert caplog.messages == [f"{name} {rest}" for name in NAMES]
    assert len(server.writes) == writes


async def test_a_url_is_registered_and_unregistered(server: ApiServer) -> None:
    registration = Registration(server, "x-", URL)
    await registration.ensure(b"CA", b"interim")
    assert client_configs(server)[0]["url"].startswith("https://192.0.2.1:9443/mutate-")
    assert conversion(server)["webhook"]["clientConfig"]["url"] == "https://192.0.2.1:9443/convert"
    await registration.unregister()
    assert client_configs(server) == []


async def test_an_api_server_that_drops_match_conditions_is_noticed_once(
    server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    class Old(ApiServer):
        async def request(self, method: str, path: str, **more: Any) -> dict[str, Any]:
            body = copy.deepcopy(more.pop("body", None))
            for webhook in body[-1]["value"] if path == MUTATING and method == "PATCH" else ():
                webhook.pop("matchConditions", None)
            return await super().request(method, path, body=body, **more)

    old = Old()
    old.put(DEFINITION, {"spec": {}})
    old.put(MUTATING, {"webhooks": []})
    registration = Registration(old, "x-", SERVICE)
    for _ in range(3):
        await registration.ensure(b"CA")
    text = (
        "The API server drops matchConditions of webhooks (before Kubernetes 1.28), "
        "so the deletion of a Cryostat needs a running operator"
    )
    assert caplog.messages.count(text) == 1
    assert len([path for method, path in old.writes if path == MUTATING]) == 1
