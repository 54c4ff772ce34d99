"""A small JSON client of the API server, with only the requests that the operator makes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any

import aiohttp
import orjson

from ..plan.model.kinds import FIELD_MANAGER, Key, Obj, collection_path, path_of
from .connection import Connection
from .errors import ApiError, ApiUnavailable, error_from_status
from .leadership_gate import LeadershipGate, NotLeaderError
from .list_decoder import ListDecoder

REQUEST_TIMEOUT = 30.0  # seconds; an admission webhook may take up to 30 s
WATCH_SECONDS = 300  # after which the server ends a watch
INACTIVITY_SECONDS = 70.0  # bookmarks come about once a minute, so a watch without data for this long is broken
MAX_ATTEMPTS = 4
LIST_PAGE_SIZE = 500  # objects of which only the metadata is read
MAX_CONNECTIONS = 64  # without watches; each costs up to half a MiB of buffers and a handshake

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
_METADATA = ";as={};g=meta.k8s.io;v=v1,application/json"


class Client:
    """Requests over one pool of connections, with the credentials of a `Connection`.

    Args:
        reconnect: returns new credentials; called after a 401.
        on_request: called with the verb, the HTTP code (0 without a response) and the seconds of every request.
        gate: allows writes only while this replica is leader; None allows them always.
    """

    def __init__(
        self,
        connection: Connection,
        reconnect: Callable[[], Awaitable[Connection]],
        on_request: Callable[[str, int, float], None] = lambda verb, code, seconds: None,
        gate: LeadershipGate | None = None,
    ) -> None:
        self._connection = connection
        self._log_in = reconnect
        self._on_request = on_request
        self._gate = gate
        self._session = self._new_session(MAX_CONNECTIONS)
        self._watches = self._new_session(0)
        self._renewing = asyncio.Lock()

    def _new_session(self, limit: int) -> aiohttp.ClientSession:
        # The API server closes connections after 90 idle seconds. Close them earlier, so that none breaks in use.
        connector = aiohttp.TCPConnector(limit=limit, ssl=self._connection.ssl_context, keepalive_timeout=80)
        return aiohttp.ClientSession(connector=connector, auto_decompress=True)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()
        await self._watches.close()

    async def get(self, key: Key) -> Obj:
        """Read one object; raises `ApiError` 404 where it does not exist."""
        return await self.request("GET", path_of(key))

    async def get_or_none(self, target: Key | str) -> Obj | None:
        """Read one object, None where it does not exist.

        Args:
            target: key of an object of `KINDS`, or the URL path of any object.
        """
        path = target if isinstance(target, str) else path_of(target)
        try:
            return await self.request("GET", path)
        except ApiError as error:
            if error.status != 404:
                raise
            return None

    async def create(self, obj: Obj) -> Obj:
        """Create an object; raises `ApiError` `AlreadyExists` where one of its name exists."""
        path = collection_path(obj["kind"], obj["metadata"].get("namespace") or "")
        return await self.request("POST", path, body=obj, params={"fieldManager": FIELD_MANAGER})

    async def replace(self, key: Key, obj: Obj) -> Obj:
        """Replace an object; its `metadata.resourceVersion` guards against lost updates (409)."""
        return await self.request("PUT", path_of(key), body=obj, params={"fieldManager": FIELD_MANAGER})

    async def merge(self, key: Key, patch: Obj) -> Obj:
        """Change some fields of an object (RFC 7386); a `metadata.resourceVersion` in it guards as in `replace`."""
        return await self.request(
            "PATCH", path_of(key), body=patch, params={"fieldManager": FIELD_MANAGER}, content_type=MERGE_PATCH
        )

    async def patch_status(self, path: str, status: Obj) -> Obj:
        """Change some fields of an object's status (RFC 7386).

        Args:
            path: URL path of the object, without `/status`.
            status: the fields to set; None removes a field.

        Returns:
            The object as the API server stored it.
        """
        return await self.request("PATCH", f"{path}/status", body={"status": status}, content_type=MERGE_PATCH)

    async def delete(self, key: Key, uid: str) -> None:
        """Delete an object if it still has this UID. A missing object is not an error.

        A Deployment is deleted after its pods, because the next one must not start while they use its volume.
        """
        policy = "Foreground" if key.kind == "Deployment" else "Background"
        body = {"preconditions": {"uid": uid}, "propagationPolicy": policy}
        try:
            await self.request("DELETE", path_of(key), body=body)
        except ApiError as error:
            if error.status != 404:
                raise

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Obj:
        """Send one request and decode the response. Retries after 429 and, with new credentials, after 401.

        Raises:
            ApiUnavailable: no response, 429 or 5xx after `MAX_ATTEMPTS`, or a write while this replica is not leader.
            ApiError: any other refusal.
        """
        data = None if body is None else orjson.dumps(body)
        headers = {} if data is None else {"Content-Type": content_type}
        headers["Accept"] = accept
        return await self._with_retries(lambda: self._send(method, path, data, params, headers))

    async def list_page(
        self, path: str, on_item: Callable[[Obj], None], params: Mapping[str, str], accept: str = "application/json"
    ) -> Obj:
        """Read one page of a list. The items are decoded one at a time, so that a large page takes little memory.

        Args:
            path: URL path of the collection.
            on_item: called with each item.
            params: query, for example `limit`, `continue` and `labelSelector`.

        Returns:
            The `metadata` of the page, with `resourceVersion` and, if it is not the last page, `continue`.

        Raises:
            ApiError: as `request` does; some items may have been delivered before.
        """
        # Compressed, a few KiB could become a large chunk at once.
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        page = await self._with_retries(lambda: self._send("GET", path, None, params, headers, on_item))
        return dict(page.get("metadata") or {})

    async def list_names(self, path: str) -> list[tuple[str, str]]:
        """Namespace and name of every object of a collection, read in pages.

        Args:
            path: URL path of the collection.

        Raises:
            ApiError: as `request` does.
        """
        found: list[tuple[str, str]] = []

        def add(obj: Obj) -> None:
            found.append((obj["metadata"].get("namespace") or "", obj["metadata"]["name"]))

        query = {"limit": str(LIST_PAGE_SIZE)}
        while True:
            metadata = await self.list_page(path, add, query, accept_metadata("PartialObjectMetadataList"))
            if not metadata.get("continue"):
                return found
            query["continue"] = metadata["continue"]

    async def _with_retries(self, send: Callable[[], Awaitable[Obj]]) -> Obj:
        for attempt in range(MAX_ATTEMPTS):
            used = self._connection
            try:
                return await send()
            except _Unauthorized:
                await self._renew(used)
            except _TooManyRequests as busy:
                if attempt == MAX_ATTEMPTS - 1:
                    raise ApiUnavailable(429, "TooManyRequests", "the API server is overloaded") from None
                await asyncio.sleep(busy.seconds)
        raise ApiUnavailable(401, "Unauthorized", "the API server does not accept the operator's credentials")

    async def _send(
        self,
        method: str,
        path: str,
        data: bytes | None,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        on_item: Callable[[Obj], None] | None = None,
    ) -> Obj:
        """One attempt. With `on_item` the response is a list, whose items are left out of the result."""
        url = self._connection.server + path
        headers = {**self._headers(headers["Accept"]), **headers}
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=5)
        started, code = time.monotonic(), 0
        try:
            with self._guarded_body(method, data) as body:
                async with self._session.request(
                    method, url, data=body, params=params, headers=headers, timeout=timeout
                ) as response:
                    code = response.status
                    if on_item and code == 200:
                        return await _decode_list(response, on_item)
                    return _decode(code, response.headers, await response.read())
        except NotLeaderError:
            raise ApiUnavailable(0, "NotLeading", f"{method} {path}: another replica may be writing") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = f"{method} {path}: {type(error).__name__} {error}".strip()
            raise ApiUnavailable(0, "Unavailable", text) from None
        finally:
            self._on_request(method, code, time.monotonic() - started)

    def _guarded_body(self, method: str, data: bytes | None) -> AbstractContextManager[aiohttp.Payload | bytes | None]:
        """The body of one request, while it is in flight. Writes go through the leadership gate."""
        return nullcontext(data) if method == "GET" or self._gate is None else self._gate.guard(data or b"")

    def _headers(self, accept: str) -> dict[str, str]:
        return {"Accept": accept, "User-Agent": FIELD_MANAGER, **self._connection.headers()}

    async def _renew(self, used: Connection) -> None:
        """Get new credentials, unless another request has replaced the `used` ones meanwhile."""
        async with self._renewing:
            if self._connection is used:
                await self._reconnect()

    async def _reconnect(self) -> None:
        """Get new credentials and connections. Requests in flight finish on the old ones."""
        self._connection = await self._log_in()
        old = self._session, self._watches
        self._session, self._watches = self._new_session(MAX_CONNECTIONS), self._new_session(0)
        for session in old:
            asyncio.get_running_loop().call_later(REQUEST_TIMEOUT, _close, session)

    @asynccontextmanager
    async def watch(self, path: str, params: Mapping[str, str], accept: str) -> AsyncIterator[AsyncIterator[Obj]]:
        """The events of one watch request, until the server ends it after `WATCH_SECONDS`.

        Raises:
            ApiError: the watch cannot be opened, broke, or sent nothing for `INACTIVITY_SECONDS`.
        """
        query = {**params, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS)}
        timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=INACTIVITY_SECONDS)
        started, code, used = time.monotonic(), 0, self._connection
        try:
            async with self._watches.get(
                self._connection.server + path, params=query, headers=self._headers(accept), timeout=timeout
            ) as response:
                code = response.status
                self._on_request("WATCH", code, time.monotonic() - started)
                if code == 401:
                    await self._renew(used)
                    raise ApiUnavailable(401, "Unauthorized", "credentials expired")
                if code != 200:
                    _decode(code, response.headers, await response.read())
                yield _lines(response)
        except _TooManyRequests as busy:
            raise ApiUnavailable(429, "TooManyRequests", f"retry after {busy.seconds} s") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailable(0, "Unavailable", f"{type(error).__name__} {error}") from None


def accept_metadata(kind: str) -> str:
    """The Accept header for metadata only; `kind` is PartialObjectMetadata or PartialObjectMetadataList."""
    return "application/json" + _METADATA.format(kind)


def _close(session: aiohttp.ClientSession) -> None:
    task = asyncio.ensure_future(session.close())
    _closing.add(task)
    task.add_done_callback(_closing.discard)


_closing: set[asyncio.Future[None]] = set()  # a task without a reference may be garbage-collected before it is done


async def _decode_list(response: aiohttp.ClientResponse, on_item: Callable[[Obj], None]) -> Obj:
    """Deliver the items of a list while it arrives; returns the list without them."""
    decoder = ListDecoder()
    try:
        async for chunk in response.content.iter_any():
            for item in decoder.feed(chunk):
                on_item(item)
        return decoder.envelope()
    except ValueError as error:
        raise ApiUnavailable(0, "Unavailable", f"the API server sent a malformed list: {error}") from None


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[Obj]:
    """The JSON objects of a response with one per line."""
    buffer = bytearray()
    async for chunk in response.content.iter_any():
        scanned = len(buffer)
        buffer += chunk
        while (end := buffer.find(b"\n", scanned)) >= 0:
            scanned = 0
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            if line.strip():
                yield orjson.loads(line)


class _TooManyRequests(Exception):  # noqa: N818 - control flow inside this module
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class _Unauthorized(Exception):  # noqa: N818 - control flow inside this module
    pass


def _decode(code: int, headers: Mapping[str, str], body: bytes) -> Obj:
    if code == 401:
        raise _Unauthorized
    if code == 429:
        raise _TooManyRequests(_seconds(headers.get("Retry-After")))
    try:
        decoded = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        decoded = {"message": body[:500].decode(errors="replace")}
    if code >= 400:
        raise error_from_status(code, decoded)
    return dict(decoded)


def _seconds(text: str | None) -> float:
    """Retry-After in seconds, between 0.1 and 10. API servers never send a date."""
    try:
        return min(max(float(text or 1), 0.1), 10.0)
    except ValueError:
        return 1.0
