"""The connections to the API server, and their renewal when the credentials expire."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from ..plan.model.kinds import FIELD_MANAGER
from .connection import Connection

MAX_CONNECTIONS = 64  # without watches; each costs up to half a MiB of buffers and a handshake
KEEPALIVE_SECONDS = 80  # the API server closes idle connections after 90 s; they are closed earlier than that
DRAIN_SECONDS = 30.0  # for requests in flight on replaced connections


class ConnectionPool:
    """HTTP sessions with the credentials of a `Connection`.

    Args:
        connection: address and credentials.
        reconnect: returns new credentials.

    Attributes:
        connection: the current address and credentials.
        requests: session for requests.
        watches: session for watches, without a limit of connections.
    """

    def __init__(self, connection: Connection, reconnect: Callable[[], Awaitable[Connection]]) -> None:
        self.connection = connection
        self._reconnect = reconnect
        self.requests = self._new_session(MAX_CONNECTIONS)
        self.watches = self._new_session(0)
        self._renewal_lock = asyncio.Lock()
        self._former: set[aiohttp.ClientSession] = set()
        # A task without a reference may be garbage-collected before it is done.
        self._closing: set[asyncio.Future[None]] = set()

    def headers(self, accept: str) -> dict[str, str]:
        """Return the headers of a request, with credentials."""
        return {"Accept": accept, "User-Agent": FIELD_MANAGER, **self.connection.headers()}

    async def renew(self, used: Connection) -> None:
        """Get new credentials and connections, unless another request has replaced the `used` ones in the meantime.

        Requests in flight finish on the former connections.
        """
        async with self._renewal_lock:
            if self.connection is not used:
                return
            self.connection = await self._reconnect()
            former = {self.requests, self.watches}
            self._former |= former
            self.requests, self.watches = self._new_session(MAX_CONNECTIONS), self._new_session(0)
            for session in former:
                asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._close, session)

    async def close(self) -> None:
        """Close all connections, also the former ones: a session that is not closed writes to standard error."""
        for session in (self.requests, self.watches, *self._former):
            await session.close()

    def _new_session(self, limit: int) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            limit=limit, ssl=self.connection.ssl_context, keepalive_timeout=KEEPALIVE_SECONDS
        )
        return aiohttp.ClientSession(connector=connector, auto_decompress=True)

    def _close(self, session: aiohttp.ClientSession) -> None:
        self._former.discard(session)
        task = asyncio.ensure_future(session.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
