"""The HTTP server of all simulated operands. One function responds to each request."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.operands import websocket
from tests.operands.discovery import RefusedError


@dataclass(frozen=True)
class Request:
    """A request. Names of headers are in lower case; `peer` is the address of the connection."""

    method: str
    path: str
    headers: Mapping[str, str]
    peer: str
    body: Callable[[], bytes]

    def json(self) -> Any:
        """The decoded body. Raises RefusedError if it is not JSON."""
        try:
            return json.loads(self.body() or b"null")
        except ValueError as error:
            raise RefusedError(400, f"the body is no JSON: {error}") from error


Answer = Callable[[Request], tuple[int, Any]]


def server(host: str, port: int, answer: Answer, echo: str = "") -> ThreadingHTTPServer:
    """A server with JSON responses. The caller runs it. `localhost` is IPv4, as for the JVMs of the operands.

    Web sockets are opened only at the path `echo`.
    A response with status 201 needs the `id` of the created object.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _respond(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {name.lower(): value for name, value in self.headers.items()}
            headers.setdefault("content-length", "0")
            peer = self.client_address[0].removeprefix("::ffff:")
            request = Request(self.command, self.path, headers, peer, lambda: self.rfile.read(length))
            if echo and request.path == echo and websocket.is_requested(headers):
                self._echo(headers)
                return
            try:
                status, body = answer(request)
            except RefusedError as error:
                status, body = error.status, {"message": str(error)}
            self.close_connection = True  # the body may not have been read
            text = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            if text:
                self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(text)))
            if status == 201:
                self.send_header("Location", f"{request.path}/{body['id']}")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(text)

        def _echo(self, headers: Mapping[str, str]) -> None:
            """Respond to one message of a web socket with the user and the message."""
            self.close_connection = True
            self.send_response(101)
            self.send_header("Upgrade", "websocket")
            self.send_header("Connection", "Upgrade")
            self.send_header("Sec-WebSocket-Accept", websocket.accept_key(headers.get("sec-websocket-key", "")))
            self.end_headers()
            text = f"{headers.get('x-forwarded-user', '')}: {websocket.read_frame(self.rfile)}"
            self.wfile.write(websocket.frame(text))

        do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815 - called by name

        def log_message(self, format: str, *args: object) -> None:
            print(self.command, self.path.split("?")[0], *args[1:2], flush=True)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    return Server((host, port), Handler)


def encrypt(running: ThreadingHTTPServer, certificate: str, key: str) -> None:
    """Make a server use TLS only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    running.socket = context.wrap_socket(running.socket, server_side=True)


def end_when_terminated() -> None:
    """End this program at SIGTERM. The first process of a container ignores SIGTERM without a handler."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))


def environment() -> dict[str, str]:
    return dict(os.environ)
