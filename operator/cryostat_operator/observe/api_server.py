"""The addresses and ports of the API server, which network policies must allow."""

from __future__ import annotations

from collections.abc import Callable

from ..kube.reflector import Source
from ..plan.model.kinds import Obj, resource_path


class ApiServerEndpoints:
    """Addresses and ports of the endpoints of Service `default/kubernetes`. Calls `changed()` when they change.

    Attributes:
        addresses: IP addresses, sorted.
        ports: TCP ports, sorted; empty means all ports: an EndpointSlice names none.
    """

    SOURCE = Source(
        resource_path("discovery.k8s.io", "v1", "endpointslices", "default"), "kubernetes.io/service-name=kubernetes"
    )

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._slices: dict[str, tuple[set[str], set[int]]] = {}
        self._is_listing = False
        self.addresses: tuple[str, ...] = ()
        self.ports: tuple[int, ...] = ()

    def begin_list(self) -> None:
        """See `Store`."""
        self._slices, self._is_listing = {}, True

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        addresses = {a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses") or ()}
        ports = {port["port"] for port in obj.get("ports") or () if port.get("port")}
        self._slices[obj["metadata"]["name"]] = (addresses, ports)
        if not self._is_listing:  # during a list, further slices may follow
            self._update()

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        self._slices.pop(obj["metadata"]["name"], None)
        self._update()

    def end_list(self) -> None:
        """See `Store`."""
        self._is_listing = False
        self._update()

    def _update(self) -> None:
        """Take over the addresses of all slices; without any, as when the API server restarts, keep the former ones."""
        slices = [(addresses, ports) for addresses, ports in self._slices.values() if addresses]
        addresses = tuple(sorted(set().union(*(addresses for addresses, _ in slices))))
        restricted = all(ports for _, ports in slices)
        ports = tuple(sorted(set().union(*(ports for _, ports in slices)))) if restricted else ()
        if addresses and (addresses, ports) != (self.addresses, self.ports):
            self.addresses, self.ports = addresses, ports
            self._changed()
