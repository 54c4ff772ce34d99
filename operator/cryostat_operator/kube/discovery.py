"""Which optional kinds the API server serves. This may change while the operator runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ..plan.model.kinds import KINDS, Obj, resource_path
from .client import Client
from .errors import ApiUnavailable
from .reflector import Source, Store

logger = logging.getLogger(__name__)

# Seconds. Discovery lags behind a changed definition by an unknown time.
REDISCOVERY_DELAYS = (0.3, 1.0, 3.0, 10.0)
_OPTIONAL = [kind for kind in KINDS.values() if kind.optional]
_GROUPS = frozenset(kind.group for kind in _OPTIONAL)

# Custom resources, and resources that other API servers serve (Routes on OpenShift).
DEFINITIONS = {
    "CustomResourceDefinition": Source(
        resource_path("apiextensions.k8s.io", "v1", "customresourcedefinitions"), metadata_only=True
    ),
    "APIService": Source(resource_path("apiregistration.k8s.io", "v1", "apiservices"), metadata_only=True),
}


class Discovery:
    """The kinds of `KINDS` that the API server serves.

    Attributes:
        served: names of the kinds, empty before the first answer.
    """

    def __init__(self, client: Client, changed: Callable[[frozenset[str], frozenset[str]], Awaitable[None]]) -> None:
        """`changed(added, removed)` is awaited after every change."""
        self._client = client
        self._changed = changed
        self._requested = asyncio.Event()
        self.served: frozenset[str] = frozenset()

    async def discover(self) -> None:
        """Ask the API server once.

        Raises:
            ApiError: it did not answer; `served` stays as it was.
        """
        found = frozenset({kind.kind for kind in KINDS.values() if not kind.optional} | await self._optional())
        added, removed = found - self.served, self.served - found
        self.served = found
        if added or removed:
            await self._changed(added, removed)

    async def discover_until_answered(self) -> None:
        """Ask the API server until it answers."""
        while True:
            try:
                return await self.discover()
            except Exception as error:  # also a login that fails for a moment
                logger.warning("Discovery of APIs failed, retrying: %s", error)
                await asyncio.sleep(1.0)

    def rediscover(self) -> None:
        """Request that `run` asks the API server again."""
        self._requested.set()

    async def run(self) -> None:
        """Ask again after every change of a definition. Does not return."""
        while True:
            await self._requested.wait()
            self._requested.clear()
            for delay in REDISCOVERY_DELAYS:
                await asyncio.sleep(delay)
                await self.discover_until_answered()

    def definitions(self) -> Store:
        """Return a store for a reflector of one of `DEFINITIONS`."""
        return _Definitions(self)

    async def _optional(self) -> set[str]:
        served: set[str] = set()
        for version in sorted({kind.api_version for kind in _OPTIONAL}):
            kinds = {kind.plural: kind.kind for kind in _OPTIONAL if kind.api_version == version}
            try:
                response = await self._client.get_or_none(f"/apis/{version}")
            except ApiUnavailable as error:
                if error.status != 503:
                    raise
                # The server of an aggregated API is not available now: keep the kinds that it served before. The first
                # discovery is retried instead, because without Routes OpenShift would be treated as plain Kubernetes.
                if not self.served:
                    raise
                served |= self.served & set(kinds.values())
            else:
                names = {resource["name"] for resource in (response or {}).get("resources") or ()}
                served |= {kind for plural, kind in kinds.items() if plural in names}
        return served


class _Definitions:
    """Requests a discovery when a definition of an optional resource is added or deleted."""

    def __init__(self, discovery: Discovery) -> None:
        self._discovery = discovery
        self._known: set[str] = set()
        self._seen: set[str] = set()
        self._is_synced = False

    def begin_list(self) -> None:
        """See `Store`."""
        self._seen = set()

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        name = obj["metadata"]["name"]  # plural.group or version.group
        if name.partition(".")[2] in _GROUPS:
            self._seen.add(name)
            if self._is_synced and name not in self._known:
                self._known.add(name)
                self._discovery.rediscover()

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        name = obj["metadata"]["name"]
        if name in self._known:
            self._known.discard(name)
            self._discovery.rediscover()

    def end_list(self) -> None:
        """See `Store`. The first list requests a discovery only if it has a kind that the first discovery missed."""
        unknown = {f"{kind.plural}.{kind.group}" for kind in _OPTIONAL if kind.kind not in self._discovery.served}
        if self._seen & unknown if not self._is_synced else self._seen != self._known:
            self._discovery.rediscover()
        self._known, self._is_synced = set(self._seen), True
