"""A simulated cluster network: connects the API server's calls of Services to processes on this machine.

The pod is found as kube-proxy does: the Service by its address, and a ready endpoint by the Service's port.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import NamedTuple

from tests.cluster.api import Api, ApiError, Object
from tests.cluster.egress_proxy import EgressProxy, connection_to


class Endpoint(NamedTuple):
    """A port of a pod."""

    namespace: str
    pod: str
    port: int


class ServiceNetwork(EgressProxy):
    """Services of pods that processes on this machine simulate.

    Attributes:
        api: a client of the API server, to be set after its boot.
        ports: by namespace and port of a pod, the loopback port of the process that simulates it. Connections to other
            pods are refused.
        called: the endpoints that were called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.api: Api | None = None
        self.ports: dict[tuple[str, int], int] = {}
        self.called: list[Endpoint] = []

    def connect(self, address: str, port: int) -> socket.socket:
        """See `EgressProxy`."""
        endpoint = self._endpoint(address, port)
        if endpoint is None:
            raise ConnectionRefusedError(f"no pod serves {address}:{port}")
        connection = connection_to(self.ports.get((endpoint.namespace, endpoint.port)))
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
        namespace, name = service["metadata"]["namespace"], service["metadata"]["name"]
        slices = self.api.list(
            "discovery.k8s.io/v1",
            "EndpointSlice",
            namespace,
            labelSelector=f"kubernetes.io/service-name={name}",
        )
        return [
            Endpoint(namespace, endpoint["targetRef"]["name"], each["port"])
            for part in slices
            for each in part.get("ports") or ()
            for endpoint in part.get("endpoints") or ()
            if each.get("name", "") == port and endpoint["conditions"].get("ready")
        ]
