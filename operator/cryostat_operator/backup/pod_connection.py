"""Opens WebSockets to subresources of pods, with credentials that are valid now, and notices peers that are gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from ..kube.connection import Connection
from ..kube.errors import LoginError
from ..kube.responses import failure_text
from ..plan.model.kinds import resource_path
from .manifest import BackupError

PROTOCOL = "v4.channel.k8s.io"
CONNECT_SECONDS = 30.0  # until the API server has answered the request for a connection
# A kubelet answers pings, but not while the command does not read its input. A restore may wait for a lock for 60 s.
IDLE_SECONDS = 300.0
PING_SECONDS = 25.0  # load balancers close connections that are idle for a minute or more
# After 30 s without packets the kernel asks the API server up to 6 times whether the connection still exists.
_TCP_OPTIONS = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6))

PodSocket = aiohttp.ClientWebSocketResponse


class PodConnections:
    """Connections to pods through the API server.

    Args:
        connection: the API server and the first credentials.
        renew: returns new credentials in place of those that the API server refused.
    """

    def __init__(self, connection: Connection, renew: Callable[[Connection], Awaitable[Connection]]) -> None:
        self._connection = connection
        self._renew = renew
        connector = aiohttp.TCPConnector(limit=0, socket_factory=_new_socket)
        self._session = aiohttp.ClientSession(
            connector=connector, timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    @asynccontextmanager
    async def open(
        self, namespace: str, pod: str, subresource: str, params: list[tuple[str, str]], message: str
    ) -> AsyncIterator[PodSocket]:
        """Open one connection. It is closed at the end of the context.

        Args:
            subresource: `exec` or `portforward`.
            message: start of the error message: what is not possible, and on which pod.

        Raises:
            BackupError: the API server refuses it or does not answer, or nothing arrived for `IDLE_SECONDS`.
        """
        path = f"{resource_path('', 'v1', 'pods', namespace, pod)}/{subresource}"
        try:
            opened = await self._connect(path, params)
        except aiohttp.WSServerHandshakeError as error:
            raise BackupError(f"{message}: {_cause(error.status, subresource, namespace)}.") from None
        except TimeoutError:
            raise BackupError(f"{message}: the API server did not answer for {CONNECT_SECONDS:.0f} s.") from None
        except (aiohttp.ClientError, OSError, LoginError) as error:
            raise BackupError(f"{message}: {failure_text(error)}.") from None
        pings = asyncio.create_task(_ping(opened))
        try:
            yield opened
        except TimeoutError:
            raise BackupError(
                f"The connection to pod {namespace}/{pod} was closed, because nothing arrived for {IDLE_SECONDS:.0f} s."
                " Its node may have failed."
            ) from None
        finally:
            pings.cancel()
            await opened.close()

    async def _connect(self, path: str, params: list[tuple[str, str]]) -> PodSocket:
        """Open a WebSocket. After a refusal of the credentials, log in and try again once."""
        used = self._connection
        try:
            return await self._attempt(used, path, params)
        except aiohttp.WSServerHandshakeError as error:
            if error.status != 401:
                raise
        self._connection = await self._renew(used)
        return await self._attempt(self._connection, path, params)

    async def _attempt(self, connection: Connection, path: str, params: list[tuple[str, str]]) -> PodSocket:
        async with asyncio.timeout(CONNECT_SECONDS):
            opened: PodSocket = await self._session.ws_connect(
                connection.server + path,
                params=params,
                headers=connection.headers(),
                protocols=[PROTOCOL],
                max_msg_size=0,
                ssl=connection.ssl_context,
                timeout=aiohttp.ClientWSTimeout(ws_receive=IDLE_SECONDS, ws_close=5.0),
                **connection.request_options,
            )
            return opened


async def _ping(opened: PodSocket) -> None:
    """Send pings until the connection ends. The receiving side notices missing answers."""
    try:
        while True:
            await asyncio.sleep(PING_SECONDS)
            await opened.ping()
    except (ConnectionError, aiohttp.ClientError):
        return


def _new_socket(address: tuple[Any, ...]) -> socket.socket:
    """A TCP socket for an address of `getaddrinfo`, with keepalive."""
    family, kind, protocol, _, _ = address
    created = socket.socket(family, kind, protocol)
    created.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _TCP_OPTIONS:
        if hasattr(socket, name):  # not on all systems
            created.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return created


def _cause(status: int, subresource: str, namespace: str) -> str:
    if status == 401:
        return "the API server does not accept the credentials. Log in again"
    if status == 403:
        return f"you may not `create` and `get` pods/{subresource} in namespace {namespace}"
    if status == 404:
        return "the pod does not exist"
    return f"HTTP {status}"
