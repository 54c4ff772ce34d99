"""Simulates kube-proxy for the API server: connects its calls of Services to local ports."""

from __future__ import annotations

import socket

from tests.cluster.egress_proxy import EgressProxy, connection_to


class Services(EgressProxy):
    """Services whose local ports the test sets."""

    def __init__(self) -> None:
        super().__init__()
        self._ports: dict[str, int] = {}

    def forward(self, address: str, port: int | None) -> None:
        """Connect `address` (`10.96.0.7:443`) to a local port. None refuses connections."""
        if port is None:
            self._ports.pop(address, None)
        else:
            self._ports[address] = port

    def connect(self, address: str, port: int) -> socket.socket:
        """See `EgressProxy`."""
        return connection_to(self._ports.get(f"{address}:{port}"))
