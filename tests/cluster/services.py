"""Simulates kube-proxy for the API server: connects its calls of Services to local ports.

The API server connects to Services through an HTTP CONNECT proxy on a Unix socket, which is implemented here.
"""

from __future__ import annotations

import json
import re
import select
import socket
import socketserver
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

_HEAD = 8192


class Services:
    """`with Services() as services:` starts the proxy. The control plane must boot with `services.apiserver_args`."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="services-")  # a socket's path must be short
        path = Path(self._directory.name)
        transport = {"uds": {"udsName": str(path / "proxy")}}
        config = {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [
                {"name": "cluster", "connection": {"proxyProtocol": "HTTPConnect", "transport": transport}}
            ],
        }
        (path / "egress.yaml").write_text(json.dumps(config))
        self.apiserver_args = (f"--egress-selector-config-file={path / 'egress.yaml'}",)
        self._ports: dict[str, int] = {}
        self._server = _Server(str(path / "proxy"), _handler(self._ports))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def lead(self, address: str, port: int | None) -> None:
        """Connect `address` (`10.96.0.7:443`) to a local port; None refuses connections."""
        if port is None:
            self._ports.pop(address, None)
        else:
            self._ports[address] = port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._directory.cleanup()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False


def _handler(ports: dict[str, int]) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            near: socket.socket = self.request
            head = b""
            while b"\r\n\r\n" not in head and len(head) < _HEAD:
                if not (more := near.recv(_HEAD)):
                    return
                head += more
            wanted = re.match(rb"CONNECT (\S+) HTTP/", head)
            port = ports.get(wanted[1].decode()) if wanted else None
            try:
                far = socket.create_connection(("127.0.0.1", port or 0), timeout=5)
            except OSError:
                near.sendall(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
                return
            near.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            with far, suppress(OSError):
                far.settimeout(None)
                _join(near, far)

    return Handler


def _join(one: Any, other: Any) -> None:
    """Copy bytes in both directions until one side ends."""
    while True:
        for source in select.select([one, other], [], [])[0]:
            if not (data := source.recv(65536)):
                return
            (other if source is one else one).sendall(data)
