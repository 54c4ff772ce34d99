"""A thin JSON client of the API server: the requests that the operator makes, nothing generic."""

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

REQUEST_TIMEOUT = 30.0  # seconds; a policy webhook may take up to its own 30 s before the API server answers
WATCH_SECONDS = 300
INACTIVITY_SECONDS = 70.0  # bookmarks come about once a minute: a stream silent for longer is dead
_TRIES = 4
_CONNECTIONS = 64  # for everything but watches; each costs up to half a MiB of buffers and a handshake

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
_METADATA = ";as={};g=meta.k8s.io;v=v1,application/json"


class Client:
    """Requests over one pool of connections, with the credentials of a `Connection`.

    `reconnect` is asked for fresh credentials when the server answers 401. `observer` is told verb, HTTP code (0 for
    none) and seconds of every request. Writes begin only while `fence` lets them, if there is one.
    """

    def __init__(
        self,
        connection: Connection,
        reconnect: Callable[[], Awaitable[Connection]],
        observer: Callable[[str, int, float], None] = lambda verb, code, seconds: None,
        fence: LeadershipGate | None = None,
    ) -> None:
        self._connection = connection
        self._reconnect = reconnect
        self._observer = observer
        self._fence = fence
        self._session = self._new_session(_CONNECTIONS)
        self._watches = self._new_session(0)
        self._renewing = asyncio.Lock()

    def _new_session(self, limit: int) -> aiohttp.ClientSession:
        # The API server closes a connection that is idle for 90 s; ours must not be used while it does.
        connector = aiohttp.TCPConnector(limit=limit, ssl=self._connection.ssl_context, keepalive_timeout=80)
        return aiohttp.ClientSession(connector=connector, read_bufsize=2**21, auto_decompress=True)

    async def close(self) -> None:
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
        """Delete just that incarnation of an object; one that is gone already is fine.

        A Deployment goes after its pods: another one must not be made while they use its volume.
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
        """One request and its decoded answer; «too many requests» is waited out as the server asks.

        Raises:
            ApiUnavailable: no answer, 429/5xx after some tries, or a write while another replica leads.
            ApiError: any other refusal.
        """
        data = None if body is None else orjson.dumps(body)
        for attempt in range(_TRIES):
            used = self._connection
            try:
                return await self._once(method, path, data, params, content_type, accept)
            except _Unauthorized:
                await self._renew(used)
            except _Busy as busy:
                if attempt == _TRIES - 1:
                    raise ApiUnavailable(429, "TooManyRequests", "the API server is overloaded") from None
                await asyncio.sleep(busy.seconds)
        raise ApiUnavailable(401, "Unauthorized", "the API server does not accept the operator's credentials")

    async def _once(
        self,
        method: str,
        path: str,
        data: bytes | None,
        params: Mapping[str, str] | None,
        content_type: str,
        accept: str,
    ) -> Obj:
        headers = self._headers(accept)
        if data is not None:
            headers["Content-Type"] = content_type
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=5)
        started, code = time.monotonic(), 0
        try:
            with self._sendable(method, data) as body:
                async with self._session.request(
                    method, self._connection.server + path, data=body, params=params, headers=headers, timeout=timeout
                ) as response:
                    code = response.status
                    return _decode(code, response.headers, await response.read())
        except NotLeaderError:
            raise ApiUnavailable(0, "NotLeading", f"{method} {path}: another replica may be writing") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = f"{method} {path}: {type(error).__name__} {error}".strip()
            raise ApiUnavailable(0, "Unavailable", text) from None
        finally:
            self._observer(method, code, time.monotonic() - started)

    def _sendable(self, method: str, data: bytes | None) -> AbstractContextManager[aiohttp.Payload | bytes | None]:
        """The body of one request, during it."""
        return nullcontext(data) if method == "GET" or self._fence is None else self._fence.write(data or b"")

    def _headers(self, accept: str) -> dict[str, str]:
        return {"Accept": accept, "User-Agent": FIELD_MANAGER, **self._connection.headers()}

    async def _renew(self, used: Connection) -> None:
        """Fresh credentials, unless somebody has got them since; requests under way are left to finish."""
        async with self._renewing:
            if self._connection is used:
                await self._log_in_again()

    async def _log_in_again(self) -> None:
        self._connection = await self._reconnect()
        old = self._session, self._watches
        self._session, self._watches = self._new_session(_CONNECTIONS), self._new_session(0)
        for session in old:
            asyncio.get_running_loop().call_later(REQUEST_TIMEOUT, _close, session)

    @asynccontextmanager
    async def watch(self, path: str, params: Mapping[str, str], accept: str) -> AsyncIterator[AsyncIterator[Obj]]:
        """A stream of watch events from one connection; it ends when the server ends it.

        Raises:
            ApiUnavailable, ApiError: the stream cannot be opened, broke, or fell silent.
        """
        query = {**params, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS)}
        timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=INACTIVITY_SECONDS)
        started, code, used = time.monotonic(), 0, self._connection
        try:
            async with self._watches.get(
                self._connection.server + path, params=query, headers=self._headers(accept), timeout=timeout
            ) as response:
                code = response.status
                self._observer("WATCH", code, time.monotonic() - started)
                if code == 401:
                    await self._renew(used)
                    raise ApiUnavailable(401, "Unauthorized", "credentials expired")
                if code != 200:
                    _decode(code, response.headers, await response.read())
                yield _lines(response)
        except _Busy as busy:
            raise ApiUnavailable(429, "TooManyRequests", f"retry after {busy.seconds} s") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailable(0, "Unavailable", f"{type(error).__name__} {error}") from None


def accept_metadata(kind: str) -> str:
    """Accept header for metadata only: `kind` is PartialObjectMetadata or PartialObjectMetadataList."""
    return "application/json" + _METADATA.format(kind)


def _close(session: aiohttp.ClientSession) -> None:
    task = asyncio.ensure_future(session.close())
    _closing.add(task)
    task.add_done_callback(_closing.discard)


_closing: set[asyncio.Future[None]] = set()  # a task that nobody holds may vanish before it is done


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[Obj]:
    buffer = bytearray()
    async for chunk in response.content.iter_any():
        buffer += chunk
        while (end := buffer.find(b"\n")) >= 0:
            line = bytes(buffer[:end])
            del buffer[: end + 1]
            if line.strip():
                yield orjson.loads(line)


class _Busy(Exception):  # noqa: N818 - control flow inside this module
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class _Unauthorized(Exception):  # noqa: N818 - control flow inside this module
    pass


def _decode(code: int, headers: Mapping[str, str], body: bytes) -> Obj:
    if code == 401:
        raise _Unauthorized
    if code == 429:
        raise _Busy(_seconds(headers.get("Retry-After")))
    try:
        answer = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        answer = {"message": body[:500].decode(errors="replace")}
    if code >= 400:
        raise error_from_status(code, answer)
    return dict(answer)


def _seconds(text: str | None) -> float:
    """Retry-After in seconds, between 0.1 and 10; dates are not used by API servers."""
    try:
        return min(max(float(text or 1), 0.1), 10.0)
    except ValueError:
        return 1.0
