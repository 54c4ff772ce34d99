"""The proxy on a Unix socket through which the API server connects to Services (`EgressSelectorConfiguration`)."""

from __future__ import annotations

import json
import socket
import socketserver
import tempfile
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self


class EgressProxy(ABC):
    """`with` starts the proxy. The API server must boot with `apiserver_args`."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="egress-")  # a socket's path must be short
        address, config = (Path(self._directory.name, name) for name in ("proxy", "egress.json"))
        transport = {"uds": {"udsName": str(address)}}
        connection = {"proxyProtocol": "HTTPConnect", "transport": transport}
        selection = {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": "cluster", "connection": connection}],
        }
        config.write_text(json.dumps(selection))
        self.apiserver_args = (f"--egress-selector-config-file={config}",)
        self._server = _Server(address, self)

    @abstractmethod
    def connect(self, address: str, port: int) -> socket.socket:
        """A connection to a Service. Raises OSError if no program listens."""

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="egress proxy", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._directory.cleanup()


def connection_to(local: int | None) -> socket.socket:
    """A connection to a local port. Raises OSError if it is None, or if no program listens."""
    if local is None:
        raise ConnectionRefusedError("no program listens")
    connection = socket.create_connection(("127.0.0.1", local), 5)
    connection.settimeout(None)
    return connection


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: Path, proxy: EgressProxy) -> None:
        self.proxy = proxy
        super().__init__(str(address), _Handler)


class _Handler(socketserver.StreamRequestHandler):
    server: _Server

    def handle(self) -> None:
        method, target, _ = self.rfile.readline().decode().split(" ", 2)
        while self.rfile.readline().strip():
            pass
        host, port = target.rsplit(":", 1)
        try:
            if method != "CONNECT":
                raise ConnectionRefusedError(method)
            other = self.server.proxy.connect(host.strip("[]"), int(port))
        except OSError as error:
            self.wfile.write(f"HTTP/1.1 503 {error}\r\n\r\n".encode())
            return
        with other:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_copy, args=(other, self.connection), daemon=True)
            back.start()
            _copy(self.connection, other)
            back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Copy bytes until the source ends, then end the target."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
