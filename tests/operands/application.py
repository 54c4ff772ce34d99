"""Replaces the application (Cryostat): starts only with a usable database and storage, and checks each request.

Run as `python -m tests.operands.application` with the variables of its container.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.operands import requests, web
from tests.operands.backends import Database, Storage, UnreachableError, trusted_certificates
from tests.operands.callbacks import Caller, Credentials, parse_form
from tests.operands.discovery import TOKEN_HEADER, Plugin, RefusedError, Registry

TRUSTSTORE = Path("/truststore")
_INSTEAD = "This program replaces Cryostat in tests; see /api/v4/targets and /health."
_DISCOVERY = re.compile(r"/api/(v4|v4\.2)/discovery/([0-9a-f-]{36})")
_CREDENTIALS = re.compile(r"/api/v4/credentials/(\d+)")
_RECORDING = re.compile(r"/api/beta/recordings/([A-Za-z0-9_=-]+)")


class Application:
    """Responds to requests, with the settings of the environment. Raises KeyError and ValueError for wrong settings."""

    def __init__(self, env: Mapping[str, str], authorities: Path) -> None:
        self.database = Database.from_env(env)
        self.storage = Storage.from_env(env, authorities)
        self.proxies = requests.Proxies.parse(env["QUARKUS_HTTP_PROXY_TRUSTED_PROXIES"])
        self.secrets = requests.ProxySecrets.from_env(env)
        self.limit = requests.body_limit(env["QUARKUS_HTTP_LIMITS_MAX_BODY_SIZE"])
        tls_required = env.get("CRYOSTAT_AGENT_TLS_REQUIRED", "true") == "true"
        self.caller = Caller(authorities, env.get("QUARKUS_REST_CLIENT_VERIFY_HOST", "true") == "true")
        self.credentials = Credentials()
        self.registry = Registry(tls_required=tls_required, resolve=_addresses, ping=self._ping)

    def answer(self, request: web.Request) -> tuple[int, Any]:
        """The status and body of the response to a request. Raises RefusedError."""
        path = request.path.split("?")[0]
        requests.check_size(int(request.headers["content-length"]), self.limit)
        requests.check_headers(path, request.headers)
        self.secrets.check(path, request.headers)
        address = requests.client_address(request.peer, request.headers, self.proxies)
        return self._agent(request, path, address) or self._user(request, path)

    def _agent(self, request: web.Request, path: str, address: str) -> tuple[int, Any] | None:
        call, token = (request.method, path), request.headers.get(TOKEN_HEADER.lower())
        if call == ("POST", "/api/v4/discovery"):
            plugin = self.registry.register(request.json(), address)
            return 200, {"id": plugin.id, "token": plugin.token, "env": {}}
        if found := _DISCOVERY.fullmatch(path):
            plugin = self.registry.check(found[2], token, address)
            if request.method == "POST":
                self.registry.publish(plugin, request.json(), context=found[1] == "v4.2")
            elif request.method == "DELETE":
                self._deregister(plugin)
            return (200, {"id": plugin.id}) if request.method == "GET" else (204, None)
        if call == ("POST", "/api/beta/discovery/credential_exists"):
            number = self.credentials.number_of(_form(request).get("script", ""))
            return (200, {"id": number}) if number else (404, None)
        if call == ("POST", "/api/v4/credentials"):
            return 201, {"id": self.credentials.add(_form(request))}
        if found := _CREDENTIALS.fullmatch(path):
            number = int(found[1])
            if request.method == "DELETE":
                self.credentials.delete(number)
                return 204, None
            return 200, {"id": number, "matchExpression": self.credentials.get(number).expression}
        if (found := _RECORDING.fullmatch(path)) and request.method == "POST":
            self.storage.request("PUT", f"archivedrecordings/{found[1]}", request.body())
            return 204, None
        return None

    def _ping(self, callback: str, number: int) -> None:
        self.caller.ping(callback, self.credentials.get(number))

    def _deregister(self, plugin: Plugin) -> None:
        """Remove a registration and its credentials."""
        self.registry.deregister(plugin)
        self.credentials.delete(plugin.credentials)

    def _user(self, request: web.Request, path: str) -> tuple[int, Any]:
        call = (request.method, path)
        if call == ("GET", "/"):
            return 200, {"message": f"Logged in as {request.headers.get(requests.IDENTITY, '')}. {_INSTEAD}"}
        if call == ("GET", "/health/liveness"):
            return 204, None
        if call == ("GET", "/health"):
            return 200, {"cryostatVersion": "v4.2.0"}
        if call == ("POST", "/api/v4/auth"):
            return 200, {"username": request.headers.get(requests.IDENTITY, "")}
        if call == ("GET", "/api/v4/targets"):
            return 200, self.registry.targets()
        # The following paths are for tests: the real application does not have them.
        if call == ("PUT", "/digest"):
            return 200, {"sha256": hashlib.sha256(request.body()).hexdigest()}
        if path.startswith("/kept/"):
            return self._kept(request, path.removeprefix("/kept/"))
        raise RefusedError(404, f"no resource {path}")

    def _kept(self, request: web.Request, name: str) -> tuple[int, Any]:
        if request.method == "PUT":
            value = request.body()
            self.database.keep(name, value.decode())
            self.storage.request("PUT", f"archivedrecordings/{name}", value)
            return 204, None
        return 200, {
            "database": self.database.kept(name),
            "storage": self.storage.request("GET", f"archivedrecordings/{name}"),
        }


def _form(request: web.Request) -> dict[str, str]:
    return parse_form(request.headers.get("content-type", ""), request.body())


def check_keystore(env: Mapping[str, str]) -> None:
    """Open the keystore with its password. Raises UnreachableError, or OSError for a missing file."""
    keystore, password = env.get("SSL_KEYSTORE"), env.get("SSL_KEYSTORE_PASS_FILE")
    if not keystore or not password:
        return
    command = ["openssl", "pkcs12", "-in", keystore, "-passin", f"file:{password}", "-noout"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise UnreachableError(f"{keystore}: {done.stderr.strip()}")


def wait_for_database(database: Database, env: Mapping[str, str]) -> None:
    """Try as often as the migration of the application does. Raises UnreachableError of the last attempt."""
    attempts = int(env.get("QUARKUS_FLYWAY_CONNECT_RETRIES", "0"))
    for attempt in range(attempts + 1):
        try:
            database.migrate()
        except UnreachableError as error:
            if attempt == attempts:
                raise
            print(f"the database is not ready: {error}", flush=True)
            time.sleep(int(env.get("QUARKUS_FLYWAY_CONNECT_RETRIES_INTERVAL", "120")))
        else:
            return


def wait_for_storage(storage: Storage, attempts: int = 120, interval: float = 1.0) -> None:
    """Retry to create the buckets, as the application does. Raises UnreachableError of the last attempt."""
    for attempt in range(attempts):
        try:
            storage.request("GET", "")
        except UnreachableError as error:
            if attempt == attempts - 1:
                raise
            print(f"the storage is not ready: {error}", flush=True)
            time.sleep(interval)
        else:
            return


def _addresses(host: str) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host.strip("[]"), None)]


def main() -> int:
    env = web.environment()
    try:
        check_keystore(env)
        authorities = trusted_certificates(TRUSTSTORE, Path("/tmp/authorities.pem"))
        application = Application(env, authorities)
        wait_for_database(application.database, env)
        wait_for_storage(application.storage)
    except KeyError as error:
        print(f"the variable {error} is not set", file=sys.stderr)
        return 1
    except (ValueError, OSError, UnreachableError) as error:
        print(error, file=sys.stderr)
        return 1
    server = web.server(
        "127.0.0.1" if env["QUARKUS_HTTP_HOST"] == "localhost" else env["QUARKUS_HTTP_HOST"],
        int(env["QUARKUS_HTTP_PORT"]),
        application.answer,
        echo="/api/notifications",
    )
    print(json.dumps({"listens": server.server_address}), flush=True)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    web.end_when_terminated()
    sys.exit(main())
