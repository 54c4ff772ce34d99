"""The chosen namespaces: in which of them the operator may list the objects, and has listed all of them."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable

from ..kube.client import Client, accept_metadata
from ..kube.errors import ApiError
from ..kube.reflector import Reflector, Source
from ..plan.model.kinds import collection_path

logger = logging.getLogger(__name__)

CONFIRM_SECONDS = 1.0  # between a refusal and the request that confirms it
RETRY_SECONDS = 5.0  # between two checks of a missing permission
UNAVAILABLE_SECONDS = 1.0  # between two checks while the API server does not answer


class ChosenNamespaces:
    """The chosen namespaces, and which of them are served now.

    A namespace in which a permission is missing, for example because the namespace does not exist yet, blocks no other
    one. One request per `RETRY_SECONDS` checks the permission again. The namespace is served once it is granted.

    Attributes:
        names: the chosen namespaces; empty: all namespaces are served, and nothing is checked.
    """

    def __init__(self, client: Client, names: Iterable[str], changed: Callable[[str], None]) -> None:
        """`changed` is called with each namespace that is served, or no longer served, after the first check."""
        self.names = tuple(names)
        self._client = client
        self._changed = changed
        self._allowed = {name: asyncio.Event() for name in self.names}
        self._denied = {name: asyncio.Event() for name in self.names}
        self._required: dict[str, list[Reflector]] = defaultdict(list)
        self._checks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Check the permissions once; those that are missing are checked again in the background."""
        await asyncio.gather(
            *(self._check(name, Source(collection_path("Secret")).within(name)) for name in self.names)
        )

    async def stop(self) -> None:
        """Stop the checks."""
        tasks = list(self._checks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def not_served(self, namespaces: Iterable[str]) -> frozenset[str]:
        """Return those namespaces that are not chosen, or whose objects are not all observed."""
        return frozenset(name for name in namespaces if not self._is_served(name)) if self.names else frozenset()

    def require(self, namespace: str, reflector: Reflector) -> None:
        """Count a namespace as served only after the first list of this reflector."""
        self._required[namespace].append(reflector)

    def is_listed(self, namespace: str, reflector: Reflector) -> bool:
        """Return whether the first list of a reflector is complete, or the permission for it is missing."""
        return reflector.synced.is_set() or self._denied[namespace].is_set()

    async def wait_until_listed(self, namespace: str, reflector: Reflector) -> None:
        """Wait until `is_listed`."""
        waits = [asyncio.create_task(event.wait()) for event in (reflector.synced, self._denied[namespace])]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def wait_until_allowed(self, namespace: str) -> None:
        """Wait until the operator may list objects in a namespace, as far as it knows."""
        await self._allowed[namespace].wait()

    async def deny_if_confirmed(self, namespace: str, source: Source) -> bool:
        """Stop serving a namespace in which this source was refused, until the source can be listed.

        An API server that has just started refuses all requests until it has read the roles. So a second request must
        be refused, too.

        Returns:
            Whether it was refused.
        """
        await asyncio.sleep(CONFIRM_SECONDS)
        if error := await self._refusal(source):
            self._deny(namespace, source, error)
        return error is not None

    def _deny(self, namespace: str, source: Source, error: ApiError) -> None:
        if self._denied[namespace].is_set():
            return
        logger.warning(
            "Namespace %s is not served: %s. Bind the ClusterRole for chosen namespaces there (docs/install.md); "
            "the operator tries again every %.0f seconds",
            namespace,
            error.message,
            RETRY_SECONDS,
        )
        was_allowed = self._allowed[namespace].is_set()
        self._allowed[namespace].clear()
        self._denied[namespace].set()
        task = asyncio.create_task(self._serve_when_allowed(namespace, source), name=f"permission in {namespace}")
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)
        if was_allowed:
            self._changed(namespace)

    def _is_served(self, namespace: str) -> bool:
        is_allowed = namespace in self._allowed and self._allowed[namespace].is_set()
        return is_allowed and all(each.synced.is_set() for each in self._required[namespace])

    async def _check(self, namespace: str, source: Source) -> None:
        if await self._refusal(source) is None or not await self.deny_if_confirmed(namespace, source):
            self._allowed[namespace].set()

    async def _serve_when_allowed(self, namespace: str, source: Source) -> None:
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            if await self._refusal(source) is None:
                break
        self._denied[namespace].clear()
        self._allowed[namespace].set()
        for reflector in self._required[namespace]:
            await self.wait_until_listed(namespace, reflector)
        if self._is_served(namespace):
            logger.info("Namespace %s is served", namespace)
            self._changed(namespace)

    async def _refusal(self, source: Source) -> ApiError | None:
        """Return why the operator may not list or watch a source, None if it may. Retries until there is an answer."""
        accept = accept_metadata("PartialObjectMetadataList")
        while True:
            try:
                found = await self._client.request("GET", source.path, params={"limit": "1"}, accept=accept)
                version = {"resourceVersion": found["metadata"]["resourceVersion"]}
                async with self._client.watch(source.path, version, accept_metadata("PartialObjectMetadata")):
                    pass  # a watch that can be opened is enough
            except ApiError as error:
                if error.status == 403:
                    return error
                if error.status == 404:
                    return None  # the kind is not served any more
                logger.warning("List of %s failed, retrying: %s", source.path, error)
                await asyncio.sleep(UNAVAILABLE_SECONDS)
            else:
                return None
