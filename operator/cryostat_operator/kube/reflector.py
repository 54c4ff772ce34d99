"""Keeps a store in step with one resource of the cluster: list, watch, and list again whenever the stream breaks.

kopf's own watching misses deletions that happen while it is disconnected; a list here is compared with what the store
held, so that what vanished meanwhile is reported too.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..plan.model.kinds import Obj
from .client import Client, accept_metadata
from .errors import ApiError

logger = logging.getLogger(__name__)

_PAGE = "100"  # objects; decoding a page is what takes the most memory at the start
_QUICKEST = 0.1  # seconds before the first attempt after a stream broke
_STEADY = 5.0  # seconds that a stream must have lasted for that
_SLOWEST = 5.0  # seconds between attempts while the API server is away
_MISSING_API = 60.0  # seconds between attempts while the resource is not served


class Store(Protocol):
    """What a reflector fills. All calls come from one task."""

    def relist(self) -> None:
        """A complete list begins; what is not upserted until `relisted` is gone."""

    def upsert(self, obj: Obj) -> None: ...

    def remove(self, obj: Obj) -> None: ...

    def relisted(self) -> None: ...


@dataclass(frozen=True)
class Source:
    """What to list and watch: URL path, optional label selector, and whether metadata is enough."""

    path: str
    selector: str = ""
    metadata_only: bool = False


class Reflector:
    """Runs for ever; `synced` is set from the first complete list on."""

    def __init__(self, client: Client, source: Source, store: Store) -> None:
        self._client = client
        self._source = source
        self._store = store
        self._last_contact = time.monotonic()
        self.synced = asyncio.Event()

    @property
    def seconds_since_contact(self) -> float:
        """Seconds since the API server was last heard on this stream."""
        return time.monotonic() - self._last_contact

    async def run(self) -> None:
        delay = _QUICKEST
        while True:
            started = time.monotonic()
            try:
                version = await self._list()
                await self._follow(version)
            except ApiError as error:
                if error.status == 404:
                    self._none_served()
                    delay = _MISSING_API
                logger.log(
                    logging.DEBUG if error.status in (404, 410) else logging.WARNING,
                    "Watching %s: %s; trying again in %.1f s",
                    self._source.path,
                    error,
                    delay,
                )
            except Exception:
                logger.exception("Watching %s failed; trying again in %.1f s", self._source.path, delay)
            if time.monotonic() - started > _STEADY and delay < _MISSING_API:
                delay = _QUICKEST
            await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
            delay = min(delay * 2, _SLOWEST)

    def _none_served(self) -> None:
        """The API is not there: nothing of it exists, which is an answer too."""
        self._store.relist()
        self._store.relisted()
        self.synced.set()

    async def _list(self) -> str:
        params = {"limit": _PAGE, **self._selector()}
        accept = accept_metadata("PartialObjectMetadataList") if self._source.metadata_only else "application/json"
        self._store.relist()
        while True:
            page = await self._client.request("GET", self._source.path, params=params, accept=accept)
            self._last_contact = time.monotonic()
            for obj in page.get("items") or []:
                self._tell(self._store.upsert, obj)
            metadata = page["metadata"]
            if not metadata.get("continue"):
                break
            params = {**params, "continue": metadata["continue"]}
        self._store.relisted()
        self.synced.set()
        return str(metadata["resourceVersion"])

    async def _follow(self, version: str) -> None:
        """Watch from `version` over as many connections as it takes, until the server forgets where we were."""
        accept = accept_metadata("PartialObjectMetadata") if self._source.metadata_only else "application/json"
        while True:
            params = {"resourceVersion": version, **self._selector()}
            async with self._client.watch(self._source.path, params, accept) as events:
                async for event in events:
                    self._last_contact = time.monotonic()
                    obj = event["object"]
                    if event["type"] == "ERROR":
                        raise ApiError(
                            obj.get("code", 0), obj.get("reason", "Error"), obj.get("message", "watch error")
                        )
                    version = obj["metadata"]["resourceVersion"]
                    if event["type"] == "DELETED":
                        self._tell(self._store.remove, obj)
                    elif event["type"] != "BOOKMARK":
                        self._tell(self._store.upsert, obj)
                await asyncio.sleep(_QUICKEST)

    def _tell(self, store: Callable[[Obj], None], obj: Obj) -> None:
        """One object that cannot be understood, which anybody may have made, must not hide all others."""
        try:
            store(obj)
        except Exception:
            metadata = obj.get("metadata") or {}
            logger.exception("%s %s/%s is ignored", self._source.path, metadata.get("namespace"), metadata.get("name"))

    def _selector(self) -> dict[str, str]:
        return {"labelSelector": self._source.selector} if self._source.selector else {}
