"""Keeps a store in sync with one resource of the cluster: list, watch, and list again when the watch breaks.

kopf's watches miss deletions that happen while they are disconnected. A reflector does not: its store compares each
list with its content.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from ..plan.model.kinds import Obj
from .client import Client, accept_metadata
from .errors import ApiError, error_from_status

logger = logging.getLogger(__name__)

PAGE_SIZE = 100  # objects; they are decoded one at a time
MIN_BACKOFF = 0.1  # seconds before the first retry
MAX_BACKOFF = 5.0  # seconds between retries while the API server is not available
STABLE_SECONDS = 5.0  # a watch that lasted longer is retried with the minimal backoff
# Between retries while the resource is not served. The first ones are quick: an API that is installed again is not
# served at once.
MAX_NOT_SERVED_BACKOFF = 60.0  # seconds
FORBIDDEN_BACKOFF = 60.0  # seconds between retries of a list that may be forbidden


class Store(Protocol):
    """What a reflector fills. All calls come from one task."""

    def begin_list(self) -> None:
        """A complete list begins: every object that is not upserted before `end_list` no longer exists."""

    def upsert(self, obj: Obj) -> None:
        """An object was listed, added or modified."""

    def remove(self, obj: Obj) -> None:
        """An object was deleted, or no longer matches the selector; this is its last state."""

    def end_list(self) -> None:
        """The list is complete."""


class NamespacedStore(Store, Protocol):
    """What several reflectors fill, with a namespace each. Their lists may overlap."""

    def begin_list(self, namespace: str = "") -> None:
        """A list of one namespace begins; of all namespaces if `namespace` is empty."""

    def end_list(self, namespace: str = "") -> None:
        """The list is complete: objects of this namespace that were not upserted no longer exist."""


@dataclass(frozen=True)
class Source:
    """What to list and watch.

    Attributes:
        path: URL path of the collection.
        selector: label selector, empty for all objects.
        metadata_only: whether to ask for the objects' metadata alone.
        may_be_forbidden: whether the operator works without the permission to list; it is retried rarely then.
        ends_if_forbidden: whether `Reflector.run` ends with the error if the permission to list is missing.
    """

    path: str
    selector: str = ""
    metadata_only: bool = False
    may_be_forbidden: bool = False
    ends_if_forbidden: bool = False

    def within(self, namespace: str) -> Source:
        """Return the source of the same objects in one namespace."""
        root, _, plural = self.path.rpartition("/")
        return replace(self, path=f"{root}/namespaces/{namespace}/{plural}", ends_if_forbidden=True)


class Reflector:
    """Lists and watches one resource until it is canceled.

    Attributes:
        synced: set after the first complete list.
        refusal: the last refusal for a missing permission; None once list and watch are permitted, or not served.
    """

    def __init__(self, client: Client, source: Source, store: Store) -> None:
        self._client = client
        self._source = source
        self._store = store
        self._last_contact = time.monotonic()
        self.synced = asyncio.Event()
        self.refusal: ApiError | None = None

    @property
    def seconds_since_contact(self) -> float:
        """Seconds since the last message of the API server, which can be a refusal for a missing permission."""
        return time.monotonic() - self._last_contact

    async def run(self) -> None:
        """List and watch; retry with backoff after every error. Does not return.

        Raises:
            ApiError: the permission to list is missing, and the source has `ends_if_forbidden`.
        """
        delay = MIN_BACKOFF
        while True:
            started, longest, is_forbidden = time.monotonic(), MAX_BACKOFF, False
            try:
                version = await self._list()
                await self._watch(version)
            except ApiError as error:
                if error.status == 403 and self._source.ends_if_forbidden:
                    raise
                if error.status == 404:
                    self._mark_not_served()
                    longest = MAX_NOT_SERVED_BACKOFF
                elif error.status == 403:
                    self.refusal = error
                    self._last_contact = time.monotonic()  # a restart, which ends a long silence, would not help
                    if self._source.may_be_forbidden:
                        self.synced.set()
                        delay, is_forbidden = FORBIDDEN_BACKOFF, True
                level = logging.DEBUG if error.status in (404, 410) else logging.WARNING
                logger.log(level, "Watch of %s failed, retrying in %.1f s: %s", self._source.path, delay, error)
            except Exception:
                logger.exception("Watch of %s failed, retrying in %.1f s", self._source.path, delay)
            if not is_forbidden:  # the delay may still be that of a resource that was not served
                delay = MIN_BACKOFF if time.monotonic() - started > STABLE_SECONDS else min(delay, longest)
            await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            delay = min(delay * 2, longest)

    def _mark_not_served(self) -> None:
        """The API server does not serve the resource, so no object of it exists."""
        self._store.begin_list()
        self._store.end_list()
        self.synced.set()
        self.refusal = None

    async def _list(self) -> str:
        """List all objects, page by page. Returns the resource version to watch from."""
        params = {"limit": str(PAGE_SIZE), **self._selector()}
        accept = accept_metadata("PartialObjectMetadataList") if self._source.metadata_only else "application/json"
        self._store.begin_list()
        while True:
            metadata = await self._client.list_page(self._source.path, self._upsert, params, accept)
            self._last_contact = time.monotonic()
            if not metadata.get("continue"):
                break
            params = {**params, "continue": metadata["continue"]}
        self._store.end_list()
        self.synced.set()
        return str(metadata["resourceVersion"])

    async def _watch(self, version: str) -> None:
        """Watch from a resource version, with a new connection when the server ends one. Ends only by an exception.

        If a server or proxy ends each connection soon and without an event, the next ones follow with backoff.
        """
        delay = MIN_BACKOFF
        accept = accept_metadata("PartialObjectMetadata") if self._source.metadata_only else "application/json"
        while True:
            params = {"resourceVersion": version, **self._selector()}
            opened, is_empty = time.monotonic(), True
            async with self._client.watch(self._source.path, params, accept) as events:
                self.refusal = None  # both the list and the watch are permitted
                async for event in events:
                    self._last_contact, is_empty = time.monotonic(), False
                    obj = event["object"]
                    if event["type"] == "ERROR":
                        raise error_from_status(int(obj.get("code") or 500), obj)
                    version = obj["metadata"]["resourceVersion"]
                    if event["type"] == "DELETED":
                        self._deliver(self._store.remove, obj)
                    elif event["type"] != "BOOKMARK":
                        self._upsert(obj)
            ended_soon = is_empty and time.monotonic() - opened < STABLE_SECONDS
            await asyncio.sleep(delay if ended_soon else MIN_BACKOFF)
            delay = min(delay * 2, MAX_BACKOFF) if ended_soon else MIN_BACKOFF

    def _upsert(self, obj: Obj) -> None:
        self._deliver(self._store.upsert, obj)

    def _deliver(self, handle: Callable[[Obj], None], obj: Obj) -> None:
        """Pass an object to the store. A malformed object, which any user can create, must not end the watch."""
        try:
            handle(obj)
        except Exception:
            metadata = obj.get("metadata") or {}
            name = f"{metadata.get('namespace')}/{metadata.get('name')}"
            logger.exception("Ignoring malformed object %s %s", self._source.path, name)

    def _selector(self) -> dict[str, str]:
        return {"labelSelector": self._source.selector} if self._source.selector else {}
