"""Replaces Grafana, the data source and the report generators: paths of their probes, addresses and certificates.

Run as `python -m tests.operands.helpers NAME` with the variables of the container.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.operands import web
from tests.operands.discovery import RefusedError

_OPTION = re.compile(r"-D(\S+?)=(\S+)")


def grafana(env: Mapping[str, str]) -> ThreadingHTTPServer:
    """Serve also below the path of GF_SERVER_ROOT_URL, and respond with the user that a header names."""
    if env.get("GF_SERVER_SERVE_FROM_SUB_PATH") != "true":
        raise ValueError("GF_SERVER_SERVE_FROM_SUB_PATH must be true: the proxy passes the whole path")
    prefix = re.sub(r"https?://[^/]+", "", env["GF_SERVER_ROOT_URL"]).rstrip("/")

    def answer(request: web.Request) -> tuple[int, Any]:
        path = request.path.removeprefix(prefix)
        if path == "/api/health":
            return 200, {"database": "ok"}
        if "authorization" in request.headers:
            raise RefusedError(401, "Invalid username or password")
        if path == "/":
            return 200, {"user": request.headers.get("x-webauth-user", "anonymous")}
        raise RefusedError(404, "Not found")

    return web.server("0.0.0.0", 3000, answer)


def datasource(env: Mapping[str, str]) -> ThreadingHTTPServer:
    """Serve on the address in the variables. Either both files of the storage's certificate are set, or none."""
    check_storage_certificate(env)
    return web.server(env["QUARKUS_HTTP_HOST"], int(env["QUARKUS_HTTP_PORT"]), _only({"/": {}}))


def reports(env: Mapping[str, str]) -> ThreadingHTTPServer:
    """Serve HTTPS with the certificate in the JVM's options if plain HTTP is disabled, otherwise HTTP."""
    check_storage_certificate(env)
    answer = _only({"/health": {}})
    if env.get("QUARKUS_HTTP_INSECURE_REQUESTS") != "disabled":
        return web.server(env["QUARKUS_HTTP_HOST"], int(env["QUARKUS_HTTP_PORT"]), answer)
    options = dict(_OPTION.findall(env["JAVA_OPTS_APPEND"]))
    name = options["quarkus.http.tls-configuration-name"]
    files = [options[f"quarkus.tls.{name}.key-store.pem.0.{part}"] for part in ("cert", "key")]
    server = web.server(env["QUARKUS_HTTP_HOST"], int(env["QUARKUS_HTTP_SSL_PORT"]), answer)
    web.encrypt(server, *files)
    return server


def check_storage_certificate(env: Mapping[str, str]) -> None:
    """Raise ValueError if only one file of the storage's certificate is set, OSError for a missing file."""
    given = {env.get(f"CRYOSTAT_STORAGE_TLS_{kind}_PATH", "") for kind in ("CA", "CERT")}
    if given == {""}:
        return
    if "" in given:
        raise ValueError("CRYOSTAT_STORAGE_TLS_CA_PATH and CRYOSTAT_STORAGE_TLS_CERT_PATH must be set together")
    for path in given:
        Path(path).read_bytes()


def _only(pages: Mapping[str, Any]) -> web.Answer:
    def answer(request: web.Request) -> tuple[int, Any]:
        if request.path not in pages:
            raise RefusedError(404, f"no resource {request.path}")
        return 200, pages[request.path]

    return answer


SERVERS: dict[str, Callable[[Mapping[str, str]], ThreadingHTTPServer]] = {
    "grafana": grafana,
    "datasource": datasource,
    "reports": reports,
}


def main(name: str) -> int:
    try:
        server = SERVERS[name](web.environment())
    except KeyError as error:
        print(f"the variable {error} is not set", file=sys.stderr)
        return 1
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    server.serve_forever()
    return 0


if __name__ == "__main__":
    web.end_when_terminated()
    sys.exit(main(sys.argv[1]))
