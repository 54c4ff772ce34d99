"""The addresses of the API server, which network policies must allow."""

from __future__ import annotations

from collections.abc import Callable

from ..kube.reflector import Source
from ..plan.model.kinds import Obj, resource_path


class ApiServerEndpoints:
    """Addresses of the endpoints of Service `default/kubernetes`. Calls `changed()` when they change."""

    SOURCE = Source(
        resource_path("discovery.k8s.io", "v1", "endpointslices", "default"), "kubernetes.io/service-name=kubernetes"
    )

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._slices: dict[str, set[str]] = {}
        self.addresses: tuple[str, ...] = ()

    def begin_list(self) -> None:
        """See `Store`."""
        self._slices = {}

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        addresses = {a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses") or ()}
        self._slices[obj["metadata"]["name"]] = addresses
        self.end_list()

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        self._slices.pop(obj["metadata"]["name"], None)
        self.end_list()

    def end_list(self) -> None:
        """See `Store`. No address at all is ignored: it happens for a moment while the API server restarts."""
        addresses = tuple(sorted(set().union(*self._slices.values())))
        if addresses and addresses != self.addresses:
            self.addresses = addresses
            self._changed()
