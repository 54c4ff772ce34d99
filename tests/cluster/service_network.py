"""A simulated cluster network: connects the API server's calls of Services to processes on this machine.

The API server sends its calls through this proxy (`EgressSelectorConfiguration`). The proxy finds the pod as kube-proxy
does: the Service by its address, and a ready endpoint by the Service's port.
"""

from __future__ import annotations

import json
import shutil
import socket
import socketserver
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from tests.cluster.api import Api, ApiError, Object


class Endpoint(NamedTuple):
    """A port of a pod."""

    namespace: str
    pod: str
    port: int


class ServiceNetwork:
    """`with ServiceNetwork() as network:` starts the proxy. The API server must boot with `network.apiserver_args`.

    Attributes:
        api: a client of the API server, to be set after its boot.
        ports: by namespace and port of a pod, the loopback port of the process that simulates it. Connections to other
            pods are refused.
        called: the endpoints that were called.
    """

    def __init__(self) -> None:
        self.api: Api | None = None
        self.ports: dict[tuple[str, int], int] = {}
        self.called: list[Endpoint] = []
        self._directory = Path(tempfile.mkdtemp(prefix="cryostat-network-"))
        self._server = _Server(self)

    @property
    def address(self) -> Path:
        return self._directory / "proxy"

    @property
    def apiserver_args(self) -> tuple[str, ...]:
        return (f"--egress-selector-config-file={self._directory / 'egress.json'}",)

    def __enter__(self) -> Self:
        transport = {"uds": {"udsName": str(self.address)}}
        connection = {"proxyProtocol": "HTTPConnect", "transport": transport}
        config = {
            "apiVersion": "apiserver.k8s.io/v1beta1",
            "kind": "EgressSelectorConfiguration",
            "egressSelections": [{"name": "cluster", "connection": connection}],
        }
        (self._directory / "egress.json").write_text(json.dumps(config))
        threading.Thread(target=self._server.serve_forever, name="service network", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        shutil.rmtree(self._directory)

    def connect(self, address: str, port: int) -> socket.socket:
        """A connection to a Service. Raises OSError if no program listens."""
        endpoint = self._endpoint(address, port)
        local = self.ports.get((endpoint.namespace, endpoint.port)) if endpoint else None
        if endpoint is None or local is None:
            raise ConnectionRefusedError(f"no program listens at {address}:{port}")
        connection = socket.create_connection(("127.0.0.1", local), 5)
        connection.settimeout(None)
        self.called.append(endpoint)
        return connection

    def _endpoint(self, address: str, port: int) -> Endpoint | None:
        if self.api is None:
            return None
        with suppress(ApiError, StopIteration):
            services = self.api.list("v1", "Service")
            service = next(each for each in services if address in each["spec"].get("clusterIPs", ()))
            name = next(each.get("name", "") for each in service["spec"]["ports"] if each["port"] == port)
            return next(iter(self._endpoints(service, name)), None)
        return None

    def _endpoints(self, service: Object, port: str) -> list[Endpoint]:
        assert self.api
        namespace, selector = service["metadata"]["namespace"], service["metadata"]["name"]
        slices = self.api.list(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            namespace,
            labelSelector=f"kubernetes.io/service-name={selector}",
        )
        return [
            Endpoint(namespace, endpoint["targetRef"]["name"], each["port"])
            for part in slices
            for each in part.get("ports") or ()
            for endpoint in part.get("endpoints") or ()
            if each.get("name", "") == port and endpoint["conditions"].get("ready")
        ]


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, network: ServiceNetwork) -> None:
        self.network = network
        super().__init__(str(network.address), _Handler)


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
            other = self.server.network.connect(host.strip("[]"), int(port))
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
