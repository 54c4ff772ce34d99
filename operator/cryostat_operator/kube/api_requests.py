"""Requests to the API server: credentials, retries, lists and watches. `client.py` has the operations on objects."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from ..plan.model.kinds import Obj
from .connection import Connection
from .connection_pool import ConnectionPool
from .errors import NOT_LEADING, ApiUnavailable, LoginError
from .leadership_gate import LeadershipGate, NotLeaderError
from .responses import TooManyRequests, Unauthorized, UntrustedServer, decode, decode_lines, decode_list, failure_text

REQUEST_TIMEOUT = 30.0  # seconds; an admission webhook may take up to 30 s
WATCH_SECONDS = 300  # after which the server ends a watch
INACTIVITY_SECONDS = 70.0  # bookmarks come about once a minute, so a watch without data for this long is broken
MAX_ATTEMPTS = 4


@dataclass(frozen=True)
class _Request:
    """One request, which may be sent several times.

    Attributes:
        data: the encoded body.
        on_item: called with each item of a list, which is left out of the result.
        must_lead: see `LeadershipGate.guard`.
    """

    method: str
    path: str
    params: Mapping[str, str] | None
    headers: Mapping[str, str]
    data: bytes | None = None
    on_item: Callable[[Obj], None] | None = None
    must_lead: bool = True


class Requests:
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
        self._pool = ConnectionPool(connection, reconnect)
        self._on_request = on_request
        self._gate = gate

    @property
    def connection(self) -> Connection:
        """The current address and credentials."""
        return self._pool.connection

    async def renew_credentials(self, used: Connection) -> Connection:
        """Return credentials in place of the `used` ones, which the API server refused.

        Raises:
            LoginError: logging in is not possible.
        """
        await self._pool.renew(used)
        return self._pool.connection

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        must_lead: bool = True,
    ) -> Obj:
        """Send one request and decode the response.

        Retries after 429 and, with new credentials, after 401 and once if the server's certificate is not trusted.

        Args:
            must_lead: False for a write that is sent without leadership, too: see `LeadershipGate.guard`.

        Raises:
            ApiUnavailable: no response, no valid credentials or 429 after `MAX_ATTEMPTS`, 5xx without a cause, or a
                write while this replica is not leader.
            ApiError: any other refusal.
        """
        data = None if body is None else orjson.dumps(body)
        headers = {} if data is None else {"Content-Type": content_type}
        headers["Accept"] = accept
        return await self._with_retries(_Request(method, path, params, headers, data, must_lead=must_lead))

    async def list_page(
        self, path: str, on_item: Callable[[Obj], None], params: Mapping[str, str], accept: str = "application/json"
    ) -> Obj:
        """Read one page of a list. The items are decoded one at a time, so that a large page takes little memory.

        Args:
            path: URL path of the collection.
            on_item: called with each item.
            params: query, for example `limit`, `continue` and `labelSelector`.
            accept: the header `Accept`, which can ask for metadata only.

        Returns:
            The `metadata` of the page, with `resourceVersion` and, if it is not the last page, `continue`.

        Raises:
            ApiError: as `request` does; some items may have been delivered before.
        """
        # Compressed, a few KiB could become a large chunk at once.
        headers = {"Accept": accept, "Accept-Encoding": "identity"}
        page = await self._with_retries(_Request("GET", path, params, headers, on_item=on_item))
        return dict(page.get("metadata") or {})

    async def _with_retries(self, request: _Request) -> Obj:
        for attempt in range(MAX_ATTEMPTS):
            used = self._pool.connection
            try:
                return await self._send(request)
            except Unauthorized:
                await self._renew_or_unavailable(used)
            except UntrustedServer as error:
                # The authority of the cluster may have been renewed: read the file of the pod or KUBECONFIG again.
                if attempt:
                    raise ApiUnavailable(0, "Unavailable", str(error)) from error.__cause__
                await self._renew_or_unavailable(used)
            except TooManyRequests as busy:
                if attempt == MAX_ATTEMPTS - 1:
                    raise ApiUnavailable(429, "TooManyRequests", "the API server is overloaded") from None
                await asyncio.sleep(busy.seconds)
        raise ApiUnavailable(401, "Unauthorized", "the API server does not accept the operator's credentials")

    async def _renew_or_unavailable(self, used: Connection) -> None:
        """Get new credentials. A failed login is an outage, and callers retry: a file may be replaced just now."""
        try:
            await self._pool.renew(used)
        except LoginError as error:
            raise ApiUnavailable(401, "Unauthorized", str(error)) from None

    async def _send(self, request: _Request) -> Obj:
        """One attempt."""
        method, path = request.method, request.path
        url, options = self._pool.connection.server + path, self._pool.connection.request_options
        headers = {**self._pool.headers(request.headers["Accept"]), **request.headers}
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT, sock_connect=5)
        started, code = time.monotonic(), 0
        try:
            with self._guarded_body(request) as body:
                async with self._pool.requests.request(
                    method, url, data=body, params=request.params, headers=headers, timeout=timeout, **options
                ) as response:
                    code = response.status
                    if request.on_item and code == 200:
                        return await decode_list(response, request.on_item)
                    return decode(code, response.headers, await response.read())
        except NotLeaderError:
            raise ApiUnavailable(0, NOT_LEADING, f"{method} {path}: another replica may be writing") from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise UntrustedServer(f"{method} {path}: {failure_text(error)}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailable(0, "Unavailable", f"{method} {path}: {failure_text(error)}") from None
        finally:
            self._on_request(method, code, time.monotonic() - started)

    def _guarded_body(self, request: _Request) -> AbstractContextManager[aiohttp.Payload | bytes | None]:
        """The body of one request, while it is in flight. Writes go through the leadership gate."""
        if request.method == "GET" or self._gate is None:
            return nullcontext(request.data)
        return self._gate.guard(request.data or b"", must_lead=request.must_lead)

    @asynccontextmanager
    async def watch(self, path: str, params: Mapping[str, str], accept: str) -> AsyncIterator[AsyncIterator[Obj]]:
        """Open one watch and yield its events, until the server ends it after `WATCH_SECONDS`.

        Raises:
            ApiError: the watch cannot be opened, broke, or sent nothing for `INACTIVITY_SECONDS`.
        """
        query = {**params, "watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(WATCH_SECONDS)}
        timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=INACTIVITY_SECONDS)
        started, code, used = time.monotonic(), 0, self._pool.connection
        try:
            async with self._pool.watches.get(
                used.server + path,
                params=query,
                headers=self._pool.headers(accept),
                timeout=timeout,
                **used.request_options,
            ) as response:
                code = response.status
                self._on_request("WATCH", code, time.monotonic() - started)
                if code == 401:
                    await self._renew_or_unavailable(used)
                    raise ApiUnavailable(401, "Unauthorized", "credentials expired")
                if code != 200:
                    decode(code, response.headers, await response.read())
                yield decode_lines(response)
        except TooManyRequests as busy:
            raise ApiUnavailable(429, "TooManyRequests", f"retry after {busy.seconds} s") from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(error, aiohttp.ClientConnectorCertificateError):
                await self._renew_or_unavailable(used)
            raise ApiUnavailable(0, "Unavailable", failure_text(error)) from None
