"""Which optional APIs the cluster serves, and where its API server is; both may change while we run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ..plan.model.kinds import KINDS, Obj, resource_path
from .client import Client
from .errors import ApiError, ApiUnavailable
from .reflector import Source, Store

logger = logging.getLogger(__name__)

# After a definition changed, discovery follows within moments; how many and how long is not told.
_REDISCOVER = (0.3, 1.0, 3.0, 10.0)
_OPTIONAL = [kind for kind in KINDS.values() if kind.optional]
_GROUPS = frozenset(kind.group for kind in _OPTIONAL)

# Resource definitions, and the registry of API servers that hold resources elsewhere (OpenShift's Routes).
DEFINITIONS = {
    "CustomResourceDefinition": Source(
        resource_path("apiextensions.k8s.io", "v1", "customresourcedefinitions"), metadata_only=True
    ),
    "APIService": Source(resource_path("apiregistration.k8s.io", "v1", "apiservices"), metadata_only=True),
}


class Discovery:
    """Kinds that are served; `changed(appeared, vanished)` is awaited with every difference."""

    def __init__(self, client: Client, changed: Callable[[frozenset[str], frozenset[str]], Awaitable[None]]) -> None:
        self._client = client
        self._changed = changed
        self._again = asyncio.Event()
        self.served: frozenset[str] = frozenset()

    async def discover(self) -> None:
        """Look once.

        Raises:
            ApiError: the API server cannot tell; what was known before still holds.
        """
        found = frozenset({kind.kind for kind in KINDS.values() if not kind.optional} | await self._optional())
        appeared, vanished = found - self.served, self.served - found
        self.served = found
        if appeared or vanished:
            await self._changed(appeared, vanished)

    async def discover_surely(self) -> None:
        """Look until there is an answer."""
        while True:
            try:
                return await self.discover()
            except Exception as error:  # a login that fails for a moment must not end this either
                logger.warning("Discovery: %s; trying again", error)
                await asyncio.sleep(1.0)

    def discover_again(self) -> None:
        self._again.set()

    async def follow(self) -> None:
        """Look again whenever a definition changed; runs for ever."""
        while True:
            await self._again.wait()
            self._again.clear()
            for delay in _REDISCOVER:
                await asyncio.sleep(delay)
                await self.discover_surely()

    def definitions(self) -> Store:
        """A store for one of `DEFINITIONS`."""
        return _Definitions(self)

    async def _optional(self) -> set[str]:
        served: set[str] = set()
        for version in sorted({kind.api_version for kind in _OPTIONAL}):
            kinds = {kind.plural: kind.kind for kind in _OPTIONAL if kind.api_version == version}
            try:
                resources = await self._client.request("GET", f"/apis/{version}")
            except ApiUnavailable as error:
                if error.status != 503:
                    raise
                # An aggregated API is registered, and its server is away for a moment. It is believed to be what it
                # was; a cluster whose Routes are not known yet must not be taken for one without.
                if not self.served:
                    raise
                served |= self.served & set(kinds.values())
            except ApiError as error:
                if error.status != 404:
                    raise
            else:
                names = {resource["name"] for resource in resources.get("resources") or ()}
                served |= {kind for plural, kind in kinds.items() if plural in names}
        return served


class _Definitions:
    """Notices that definitions of the optional resources come and go; their names end with the group."""

    def __init__(self, apis: Discovery) -> None:
        self._apis = apis
        self._known: set[str] = set()
        self._seen: set[str] = set()
        self._wait_until_listed = False

    def relist(self) -> None:
        self._seen = set()

    def upsert(self, obj: Obj) -> None:
        name = obj["metadata"]["name"]
        if name.partition(".")[2] in _GROUPS:
            self._seen.add(name)
            if self._wait_until_listed and name not in self._known:
                self._known.add(name)
                self._apis.discover_again()

    def remove(self, obj: Obj) -> None:
        name = obj["metadata"]["name"]
        if name in self._known:
            self._known.discard(name)
            self._apis.discover_again()

    def relisted(self) -> None:
        """The first list tells nothing new but what came between the first discovery and it."""
        unknown = {f"{kind.plural}.{kind.group}" for kind in _OPTIONAL if kind.kind not in self._apis.served}
        if self._seen & unknown if not self._wait_until_listed else self._seen != self._known:
            self._apis.discover_again()
        self._known, self._wait_until_listed = set(self._seen), True


class ApiServerEndpoints:
    """Addresses of the API server's endpoints, told when they change."""

    SOURCE = Source(
        resource_path("discovery.k8s.io", "v1", "endpointslices", "default"), "kubernetes.io/service-name=kubernetes"
    )

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._slices: dict[str, set[str]] = {}
        self.addresses: tuple[str, ...] = ()

    def relist(self) -> None:
        self._slices = {}

    def upsert(self, obj: Obj) -> None:
        addresses = {a for endpoint in obj.get("endpoints") or () for a in endpoint.get("addresses") or ()}
        self._slices[obj["metadata"]["name"]] = addresses
        self.relisted()

    def remove(self, obj: Obj) -> None:
        self._slices.pop(obj["metadata"]["name"], None)
        self.relisted()

    def relisted(self) -> None:
        addresses = tuple(sorted(set().union(*self._slices.values())))
        if addresses and addresses != self.addresses:  # while the API server restarts there are none for a moment
            self.addresses = addresses
            self._changed()
