"""The simulated application: its requirements to start, and its responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.operands import application, web
from tests.operands.application import Application
from tests.operands.backends import Database, Storage, UnreachableError
from tests.operands.callbacks import Caller, Credential
from tests.operands.discovery import RefusedError
from tests.unit.operands.variables import variables as variables

AGENT = {"x-cryostat-agent-proxy": "true", "x-forwarded-for": "127.0.0.7"}
BODY = {"realm": "app", "callback": "https://storedcredentials:1@127.0.0.7:9977/"}
FORM = {**AGENT, "content-type": "multipart/form-data; boundary=part"}


@pytest.fixture
def running(variables: dict[str, str]) -> Application:
    return Application(variables, Path("ca"))


def form(**fields: str) -> bytes:
    parts = [f'--part\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    return "".join([*parts, "--part--\r\n"]).encode()


def ask(
    running: Application, call: str, headers: Mapping[str, str] | None = None, body: Any = None, peer: str = "127.0.0.1"
) -> tuple[int, Any]:
    method, path = call.split()
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"content-length": str(len(text)), **(headers or {})}
    try:
        return running.answer(web.Request(method, path, sent, peer, lambda: text))
    except RefusedError as error:
        return error.status, None


def test_the_application_does_not_start_without_a_variable(variables: dict[str, str]) -> None:
    for name in ("QUARKUS_DATASOURCE_PASSWORD", "QUARKUS_HTTP_PROXY_TRUSTED_PROXIES", "QUARKUS_S3_AWS_REGION"):
        with pytest.raises(KeyError, match=name):
            Application({key: value for key, value in variables.items() if key != name}, Path("ca"))


def test_the_application_ends_after_the_last_attempt_to_connect_to_the_database(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def fail(database: Database) -> None:
        attempts.append(database)
        raise UnreachableError("password authentication failed")

    monkeypatch.setattr(Database, "migrate", fail)
    env = {"QUARKUS_FLYWAY_CONNECT_RETRIES": "2", "QUARKUS_FLYWAY_CONNECT_RETRIES_INTERVAL": "0"}
    with pytest.raises(UnreachableError, match="password"):
        application.wait_for_database(Database.from_env(variables), env)
    assert len(attempts) == 3


def test_the_application_waits_for_its_storage(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([False, True, False, False])

    def request(storage: Storage, method: str, path: str) -> str:
        if not next(answers):
            raise UnreachableError("connection refused")
        return "buckets"

    monkeypatch.setattr(Storage, "request", request)
    storage = Storage.from_env(variables, Path("ca"))
    application.wait_for_storage(storage, attempts=2, interval=0)
    with pytest.raises(UnreachableError, match="refused"):
        application.wait_for_storage(storage, attempts=2, interval=0)


def test_health_and_unknown_paths(running: Application) -> None:
    assert ask(running, "GET /health/liveness") == (204, None)
    assert ask(running, "GET /health")[0] == 200
    assert ask(running, "GET /api/unknown")[0] == 404


def test_the_user_comes_from_the_header(running: Application) -> None:
    assert ask(running, "POST /api/v4/auth", {"x-forwarded-user": "somename"}) == (200, {"username": "somename"})
    assert ask(running, "POST /api/v4/auth") == (200, {"username": ""})
    code, page = ask(running, "GET /", {"x-forwarded-user": "somename"})
    assert code == 200
    assert page["message"].startswith("Logged in as somename. This program replaces Cryostat")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v4/discovery/{}", [{"target": {"connectUrl": "https://app/"}}]),
        ("/api/v4.2/discovery/{}", {"nodes": [{"target": {"connectUrl": "https://app/"}}]}),
    ],
)
def test_the_calls_of_an_agent(running: Application, path: str, body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pings = []
    monkeypatch.setattr(Caller, "ping", lambda caller, *arguments: pings.append(arguments))
    assert ask(running, "POST /api/beta/discovery/credential_exists", FORM, form(script="it"))[0] == 404
    assert ask(running, "POST /api/v4/discovery", AGENT, BODY)[0] == 404, "there are no credentials"
    fields = {"matchExpression": "it", "username": "user", "password": "pass"}
    assert ask(running, "POST /api/v4/credentials", FORM, form(**fields)) == (201, {"id": 1})
    assert ask(running, "POST /api/v4/credentials", FORM, form(**fields))[0] == 409
    assert ask(running, "POST /api/beta/discovery/credential_exists", FORM, form(script="it")) == (200, {"id": 1})
    status, registered = ask(running, "POST /api/v4/discovery", AGENT, BODY)
    assert status == 200
    path = path.format(registered["id"])
    token = {**AGENT, "cryostat-discovery-authentication": registered["token"]}
    assert ask(running, f"POST {path}", AGENT, body)[0] == 401
    assert ask(running, f"POST {path}", token, body)[0] == 204
    assert ask(running, "GET /api/v4/targets") == (200, [{"connectUrl": "https://app/"}])
    assert ask(running, f"GET /api/v4/discovery/{registered['id']}", token)[0] == 200
    assert ask(running, f"DELETE /api/v4/discovery/{registered['id']}", token)[0] == 204
    assert ask(running, "GET /api/v4/targets") == (200, [])
    assert pings == [("https://127.0.0.7:9977/", Credential("it", "user", "pass"))]
    assert ask(running, "DELETE /api/v4/credentials/1", AGENT)[0] == 404, "they were removed with the registration"


def test_an_agent_that_is_too_new_cannot_register(running: Application) -> None:
    assert ask(running, "POST /api/v4.3/discovery/agents", AGENT, BODY)[0] == 404


def test_agents_without_header_or_with_another_address_or_a_large_body_are_refused(running: Application) -> None:
    assert ask(running, "POST /api/v4/discovery", {"x-forwarded-for": "127.0.0.7"}, BODY)[0] == 403
    assert ask(running, "POST /api/v4/discovery", AGENT, BODY, peer="192.0.2.1")[0] == 400
    assert ask(running, "POST /api/v4/discovery", {**AGENT, "content-length": str(11 << 30)}, BODY)[0] == 413
    assert ask(running, "POST /api/v4/discovery", AGENT, b"{")[0] == 400


def test_recordings_and_values_are_stored_in_the_backends(
    running: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: dict[str, bytes] = {}

    def request(storage: Storage, method: str, path: str, body: bytes = b"") -> str:
        if method == "PUT":
            stored[path] = body
        return stored[path].decode()

    kept: dict[str, str] = {}
    monkeypatch.setattr(Storage, "request", request)
    monkeypatch.setattr(Database, "keep", lambda database, name, value: kept.update({name: value}))
    monkeypatch.setattr(Database, "kept", lambda database, name: kept[name])
    assert ask(running, "POST /api/beta/recordings/jvm1", AGENT, b"recording") == (204, None)
    assert ask(running, "PUT /kept/first", body=b"value") == (204, None)
    assert stored == {"archivedrecordings/jvm1": b"recording", "archivedrecordings/first": b"value"}
    assert ask(running, "GET /kept/first") == (200, {"database": "value", "storage": "value"})
