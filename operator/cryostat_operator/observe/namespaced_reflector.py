"""Keeps a store in sync with one resource in the chosen namespaces, with one reflector for each."""

from __future__ import annotations

import asyncio

from ..kube.client import Client
from ..kube.errors import ApiError
from ..kube.reflector import NamespacedStore, Reflector, Source
from ..plan.model.kinds import Obj
from .chosen_namespaces import ChosenNamespaces


class NamespacedReflector:
    """Lists and watches one resource in each chosen namespace. It has the interface of a `Reflector`.

    A namespace in which the operator may not list the resource counts as listed. It is watched once the permission is
    granted. So there is never a `refusal`.
    """

    refusal: ApiError | None = None

    def __init__(
        self, client: Client, source: Source, store: NamespacedStore, namespaces: ChosenNamespaces, *, required: bool
    ) -> None:
        """`required`: whether a namespace is served only after the first list of this resource."""
        self._namespaces = namespaces
        self._sources = {name: source.within(name) for name in namespaces.names}
        self._reflectors = {
            name: Reflector(client, each, NamespacePart(store, name)) for name, each in self._sources.items()
        }
        self.synced = Synced(namespaces, self._reflectors)
        if required:
            for name, reflector in self._reflectors.items():
                namespaces.require(name, reflector)

    @property
    def seconds_since_contact(self) -> float:
        """Longest time in seconds for which the watch of a namespace has received no message."""
        served = [r for name, r in self._reflectors.items() if not self._namespaces.not_served([name])]
        return max((reflector.seconds_since_contact for reflector in served), default=0.0)

    async def run(self) -> None:
        """List and watch. Does not return."""
        await asyncio.gather(*(self._run(name) for name in self._reflectors))

    async def _run(self, name: str) -> None:
        while True:
            await self._namespaces.wait_until_allowed(name)
            try:
                await self._reflectors[name].run()
            except ApiError:
                if await self._namespaces.deny_if_confirmed(name, self._sources[name]):
                    self._reflectors[name].synced.clear()  # its objects are no longer observed


class Synced:
    """Whether the first list is complete in each namespace where it is permitted. Has methods of `asyncio.Event`."""

    def __init__(self, namespaces: ChosenNamespaces, reflectors: dict[str, Reflector]) -> None:
        self._namespaces = namespaces
        self._reflectors = reflectors

    def is_set(self) -> bool:
        """Return whether they are complete."""
        return all(self._namespaces.is_listed(name, each) for name, each in self._reflectors.items())

    async def wait(self) -> None:
        """Wait until they are complete."""
        for name, reflector in self._reflectors.items():
            await self._namespaces.wait_until_listed(name, reflector)


class NamespacePart:
    """One namespace of a store, for its reflector: a list drops only objects of this namespace."""

    def __init__(self, store: NamespacedStore, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    def begin_list(self) -> None:
        """See `Store`."""
        self._store.begin_list(self._namespace)

    def upsert(self, obj: Obj) -> None:
        """See `Store`."""
        self._store.upsert(obj)

    def remove(self, obj: Obj) -> None:
        """See `Store`."""
        self._store.remove(obj)

    def end_list(self) -> None:
        """See `Store`."""
        self._store.end_list(self._namespace)
