"""Which resources are watched, and the reflectors that watch them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple

from ..api import constants
from ..kube.client import Client
from ..kube.discovery import DEFINITIONS, Discovery
from ..kube.errors import ApiError
from ..kube.reflector import NamespacedStore, Reflector, Source, Store
from ..plan.model.kinds import KINDS, collection_path
from .api_server import ApiServerEndpoints
from .authentication import AuthenticationStore
from .chosen_namespaces import ChosenNamespaces
from .ingress_classes import IngressClassStore
from .namespaced_reflector import NamespacedReflector
from .namespaces import NamespaceStore
from .owned_objects import OwnedObjects
from .pods import SELECTOR, PodStore
from .reference_store import ReferenceNotifier, ReferenceStore

OWNED_SELECTOR = f"{constants.LABEL_NAME},{constants.LABEL_NAMESPACE}"
FOREIGN_SELECTOR = f"!{constants.LABEL_NAME}"
_AUTHENTICATION = "Authentication"
INGRESS_CLASS = "IngressClass"
OPTIONAL_SYNC_TIMEOUT = 10.0  # seconds that the first list of an optional kind may take


class Stores(NamedTuple):
    """The stores of the watched objects; `references` by kind."""

    owned: OwnedObjects
    namespaces: NamespaceStore
    pods: PodStore
    references: dict[str, ReferenceStore]
    api_server: ApiServerEndpoints
    authentication: AuthenticationStore
    ingress_classes: IngressClassStore


class Informers:
    """One reflector for each watched resource.

    Watched are the objects with ownership labels of all kinds of `KINDS` that the API server serves, the pods of
    instances, and the metadata of all namespaces and of all Secrets and ConfigMaps without ownership labels. If the
    operator serves chosen namespaces, objects in other namespaces are left out.
    """

    def __init__(
        self, client: Client, stores: Stores, chosen: ChosenNamespaces, on_kinds_changed: Callable[[], None]
    ) -> None:
        """`on_kinds_changed` is called when the API server serves other kinds than before."""
        self._client = client
        self._stores = stores
        self._chosen = chosen
        self._on_kinds_changed = on_kinds_changed
        self._reflectors: dict[str, tuple[Reflector | NamespacedReflector, asyncio.Task[None]]] = {}
        self._discovery_task: asyncio.Task[None] | None = None
        self.discovery = Discovery(client, self._on_discovery)
        self._always_watched: dict[str, tuple[Source, Store]] = {
            "Namespace": (Source("/api/v1/namespaces", metadata_only=True), stores.namespaces),
            "EndpointSlice": (ApiServerEndpoints.SOURCE, stores.api_server),
        }
        self._always_watched_in_namespaces: dict[str, tuple[Source, NamespacedStore]] = {
            "Pod": (Source("/api/v1/pods", SELECTOR), stores.pods)
        }
        for kind, store in stores.references.items():
            source = Source(collection_path(kind), FOREIGN_SELECTOR, metadata_only=True)
            self._always_watched_in_namespaces[f"foreign {kind}"] = source, store
        for name, source in DEFINITIONS.items():
            self._always_watched[name] = source, self.discovery.definitions()

    async def start(self) -> None:
        """Start to watch. Returns when every required resource was listed once."""
        await self._chosen.start()
        await self.discovery.discover_until_answered()
        for name, (source, store) in self._always_watched.items():
            self._watch(name, source, store)
        for name, (source, namespaced) in self._always_watched_in_namespaces.items():
            self._watch_in_namespaces(name, source, namespaced)
        self._discovery_task = asyncio.create_task(self.discovery.run(), name="discovery")
        await self._wait_until_synced(list(self._reflectors))

    async def watch_on_demand(self, kind: str) -> None:
        """Watch a kind from now on. Returns when it was listed once, or after `OPTIONAL_SYNC_TIMEOUT`."""
        if kind not in self._reflectors:
            if kind == INGRESS_CLASS:
                self._watch(kind, IngressClassStore.SOURCE, self._stores.ingress_classes)
            else:
                self._watch_owned(kind)
        if not self._reflectors[kind][0].synced.is_set():
            await self._wait_until_synced([kind])

    async def stop(self) -> None:
        """Stop all watches."""
        await self._chosen.stop()
        tasks = [task for _, task in self._reflectors.values()]
        if self._discovery_task:
            tasks.append(self._discovery_task)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def seconds_since_contact(self) -> float:
        """Longest time in seconds for which a watch has received no message.

        Watches of optional kinds do not count.
        """
        required = [r for name, (r, _) in self._reflectors.items() if not _is_optional(name)]
        return max((reflector.seconds_since_contact for reflector in required), default=0.0)

    @property
    def refusal(self) -> ApiError | None:
        """The refusal of the last list or watch of a required resource, if the permission is missing; else None."""
        required = [r for name, (r, _) in self._reflectors.items() if not _is_optional(name)]
        return next((each.refusal for each in required if each.refusal), None)

    async def _on_discovery(self, added: frozenset[str], removed: frozenset[str]) -> None:
        """Watch the added kinds, except those that are watched on demand, and drop the objects of the removed ones."""
        added = frozenset(kind for kind in added if not KINDS[kind].on_demand)
        for kind in sorted(removed):
            self._reflectors.pop(kind)[1].cancel()
            store = self._stores.owned.store(kind)
            store.begin_list()  # an empty list: no object of the kind exists any more
            store.end_list()
        if "Route" in removed:
            self._reflectors.pop(_AUTHENTICATION)[1].cancel()
        for kind in sorted(added):
            self._watch_owned(kind)
        if "Route" in added:
            self._watch(_AUTHENTICATION, AuthenticationStore.SOURCE, self._stores.authentication)
            added |= {_AUTHENTICATION}
        await self._wait_until_synced(added)
        self._on_kinds_changed()

    async def _wait_until_synced(self, names: Iterable[str]) -> None:
        """Wait for first lists; for those of optional kinds no longer than `OPTIONAL_SYNC_TIMEOUT`."""
        names = list(names)
        required = [self._reflectors[name][0].synced.wait() for name in names if not _is_optional(name)]
        optional = [self._reflectors[name][0].synced.wait() for name in names if _is_optional(name)]
        await asyncio.gather(*required)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*optional), OPTIONAL_SYNC_TIMEOUT)

    def _watch_owned(self, kind: str) -> None:
        watch = self._watch_in_namespaces if KINDS[kind].namespaced else self._watch
        watch(kind, Source(collection_path(kind), OWNED_SELECTOR), self._store(kind))

    def _watch_in_namespaces(self, name: str, source: Source, store: NamespacedStore) -> None:
        """Watch a resource in the chosen namespaces; in all if none are chosen."""
        if not self._chosen.names:
            self._watch(name, source, store)
            return
        required = not _is_optional(name)
        self._run(name, NamespacedReflector(self._client, source, store, self._chosen, required=required))

    def _watch(self, name: str, source: Source, store: Store) -> None:
        self._run(name, Reflector(self._client, source, store))

    def _run(self, name: str, reflector: Reflector | NamespacedReflector) -> None:
        self._reflectors[name] = (reflector, asyncio.create_task(reflector.run(), name=f"watch {name}"))

    def _store(self, kind: str) -> NamespacedStore:
        references = self._stores.references
        store = self._stores.owned.store(kind)
        return ReferenceNotifier(store, references[kind]) if kind in references else store


def _is_optional(name: str) -> bool:
    """Whether the operator works without a watched resource."""
    return name in (_AUTHENTICATION, INGRESS_CLASS) or (
        name in KINDS and (KINDS[name].optional or KINDS[name].on_demand)
    )
